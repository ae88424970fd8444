"""Random web pages and programs as HTML: endlessly varied in kind, theme, words and icons."""
