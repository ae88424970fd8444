CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author_id INTEGER REFERENCES authors(id), year INTEGER, shelf TEXT);
CREATE TABLE loans (id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES books(id), reader TEXT, due TEXT);
CREATE INDEX loans_due ON loans(due);
CREATE VIEW overdue AS SELECT title, reader, due FROM loans JOIN books ON books.id = book_id WHERE due < '2024-06-01';
INSERT INTO authors VALUES (1,'Mira Holt','Norway'),(2,'Jon Ekwall','Sweden'),(3,'Ada Fontaine','France'),(4,'Pavel Novy','Czechia');
INSERT INTO books VALUES (1,'The Salt Road',1,1998,'A3'),(2,'Northern Gardens',2,2004,'C1'),(3,'A House of Clocks',3,1987,'A7'),
 (4,'Letters to the Sea',1,2011,'A3'),(5,'Bread and Stone',4,2019,'B2'),(6,'The Quiet Signal',2,1979,'D5'),(7,'Maps of Rain',3,2015,'C4'),
 (8,'Under the Walnut Tree',4,1993,'B6'),(9,'Winter Ferry',1,2008,'A4'),(10,'Small Engines',2,2001,'D2');
INSERT INTO loans VALUES (1,3,'Farid','2024-05-20'),(2,7,'Lucie','2024-06-12'),(3,9,'Wen','2024-05-28'),(4,5,'Tomas','2024-06-30');
