// What a page shows, in CSS pixels: elements marked data-e, other short texts, icons marked data-c, every character.
// Called with the text nodes inside form controls, which only DevTools reaches.
function (...within) {
  const wide = innerWidth, tall = innerHeight, ratio = devicePixelRatio;
  const pen = document.createElement('canvas').getContext('2d');
  const fonts = new Map();
  const fontOf = (element) => {
    const style = getComputedStyle(element);
    const key = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    if (!fonts.has(key)) {
      pen.font = key;
      const size = pen.measureText('H');
      const ascent = Math.round(size.fontBoundingBoxAscent * ratio) / ratio;
      fonts.set(key, {key, ascent, cap: size.actualBoundingBoxAscent, size: parseFloat(style.fontSize)});
    }
    return fonts.get(key);
  };
  const hit = (x, y) => x >= 0 && y >= 0 && x < wide && y < tall ? document.elementFromPoint(x, y) : null;
  const inside = (r) => r[0] >= 0 && r[1] >= 0 && r[2] <= wide && r[3] <= tall;
  const visible = (element, r) => [[.5, .5], [.15, .25], [.85, .25], [.15, .75], [.85, .75]].every(([x, y]) => {
    const top = hit(r[0] + x * (r[2] - r[0]), r[1] + y * (r[3] - r[1]));
    return top && (element.contains(top) || top.labels === undefined && top.closest('label')?.contains(element));
  });
  const box = (element) => { const r = element.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const clipped = (element) => {  // its box as far as nothing around it cuts it off
    const r = box(element);
    for (let up = element.parentElement; up; up = up.parentElement) {
      if (getComputedStyle(up).overflowX === 'visible') continue;
      const c = up.getBoundingClientRect();
      r[0] = Math.max(r[0], c.left); r[1] = Math.max(r[1], c.top);
      r[2] = Math.min(r[2], c.right); r[3] = Math.min(r[3], c.bottom);
    }
    return [Math.max(r[0], 0), Math.max(r[1], 0), Math.min(r[2], wide), Math.min(r[3], tall)];
  };
  const changed = (text, style) => style.textTransform === 'uppercase' ? text.toUpperCase()
    : style.textTransform === 'lowercase' ? text.toLowerCase() : text;

  const glyphs = [];
  const written = new Map();  // text node: its words, where they are, whether wholly and at all to be seen
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const nodes = [];
  for (let node; (node = walker.nextNode());) nodes.push(node);
  for (const node of [...nodes, ...within]) {
    const parent = node.parentElement;
    const host = node.getRootNode().host;
    if (!node.data.trim() || /^(SCRIPT|STYLE|OPTION|TEXTAREA)$/.test(parent.tagName)) continue;
    if (host?.type === 'password') continue;
    range.selectNodeContents(node);
    const whole = range.getBoundingClientRect();
    if (!whole.width || whole.bottom < 0 || whole.top > tall || whole.right < 0 || whole.left > wide) continue;
    const style = getComputedStyle(parent);
    if (style.visibility !== 'visible' || +style.opacity < 0.3) continue;
    const font = fontOf(parent);
    let limit = host ? host.getBoundingClientRect().right - 2 : Infinity, cut = false;
    for (let up = host ? null : parent; up && up !== document.body; up = up.parentElement) {
      const own = getComputedStyle(up);
      if (own.textOverflow === 'ellipsis' && own.overflowX !== 'visible' && up.scrollWidth > up.clientWidth) {
        pen.font = font.key;
        limit = up.getBoundingClientRect().right - parseFloat(own.paddingRight) - pen.measureText('…').width;
        cut = true;
      }
      if (own.display !== 'inline') break;
    }
    const shown = changed(node.data, style);
    const one = {text: '', left: Infinity, right: -Infinity, middles: new Set(), whole: !cut, some: false};
    let gap = false;
    for (let i = 0; i < node.data.length; i++) {
      if (!node.data[i].trim()) { gap = one.text !== ''; continue; }
      range.setStart(node, i); range.setEnd(node, i + 1);
      const r = range.getClientRects()[0];
      if (!r || !r.width) { one.whole = false; continue; }
      const middle = r.top + font.ascent - font.cap / 2;
      if (gap) { one.text += ' '; gap = false; }
      one.text += shown[i];
      one.left = Math.min(one.left, r.left); one.right = Math.max(one.right, r.right);
      one.middles.add(Math.round(middle));
      const reach = font.cap / 2 - 0.5, in_ = 0.15 * r.width;
      const seen = r.right <= limit && [[r.left + in_, -reach], [r.right - in_, reach]].every(
        ([x, by]) => hit(x, middle + by) === (host || parent));
      if (seen) { glyphs.push([r.left, r.right, middle, shown.charCodeAt(i)]); one.some = true; }
      else one.whole = false;
      one.middle = middle;
    }
    if (!one.text) continue;
    const half = font.cap / 2 + font.size * 0.2;
    one.aim = [one.left, one.middle - half, one.right, one.middle + half];
    one.whole = one.whole && Math.max(...one.middles) - Math.min(...one.middles) < 2;
    written.set(node, one);
  }

  const shown = [];
  const taken = new Set();
  const textsIn = (element) => [...written.keys()].filter((node) => element.contains(node));
  const joined = (texts) => {
    const list = texts.map((node) => written.get(node));
    const middle = list[0].aim[1] + list[0].aim[3];
    return {
      text: list.map((t) => t.text).join(' '),
      aim: [Math.min(...list.map((t) => t.left)), Math.min(...list.map((t) => t.aim[1])),
            Math.max(...list.map((t) => t.right)), Math.max(...list.map((t) => t.aim[3]))],
      whole: list.every((t) => t.whole && Math.abs(t.aim[1] + t.aim[3] - middle) < 3),
      some: list.some((t) => t.some),
    };
  };
  for (const element of document.querySelectorAll('[data-e]')) {
    const role = element.dataset.e, place = element.closest('[data-p]')?.dataset.p || '';
    const r = box(element);
    if (!(r[2] - r[0]) || r[3] < 0 || r[1] > tall || r[2] < 0 || r[0] > wide) continue;
    if (element.dataset.n) {  // named by a label beside it
      const open = inside(r) && visible(element, r);
      shown.push({role, name: element.dataset.n, box: r, aim: r, whole: open, place, beside: true});
      continue;
    }
    const icon = element.dataset.c && !element.dataset.worded;
    if (icon) {
      const picture = element.querySelector('.i') || element;
      const aim = box(picture);
      const open = inside(r) && visible(element, r) && visible(element, aim);
      shown.push({role, name: '', box: r, aim, whole: open, place, concept: element.dataset.c});
      continue;
    }
    const texts = textsIn(element.querySelector('.t') || element);
    texts.forEach((node) => taken.add(node));
    if (!texts.length) continue;
    const one = joined(texts);
    if (!one.some) continue;
    const cut = clipped(element);
    const outer = [Math.min(cut[0], one.aim[0]), Math.min(cut[1], one.aim[1]),
      Math.max(cut[2], one.aim[2]), Math.max(cut[3], one.aim[3])];
    shown.push({role, name: one.text, box: outer, aim: one.aim, whole: one.whole && inside(one.aim), place});
  }
  for (const [node, one] of written) {
    if (taken.has(node) || one.text.length > 40 || !one.some) continue;
    const host = node.getRootNode().host;
    if (host) {
      const place = host.closest('[data-p]')?.dataset.p || '';
      const whole = one.whole && !/^(date|time)$/.test(host.type) && inside(one.aim);
      shown.push({role: host.dataset.e || 'text', name: one.text, box: box(host), aim: one.aim, whole, place});
      continue;
    }
    const parent = node.parentElement;
    const alone = parent.childNodes.length === 1 && getComputedStyle(parent).display !== 'inline';
    const role = /^H[1-6]$/.test(parent.tagName) ? 'heading' : alone && one.text.length < 30 ? 'label' : 'text';
    const place = parent.closest('[data-p]')?.dataset.p || '';
    shown.push({role, name: one.text, box: one.aim, aim: one.aim, whole: one.whole && inside(one.aim) && alone, place});
  }
  const drawn = [];
  for (const element of document.querySelectorAll('[data-c]')) {
    const picture = element.classList.contains('i') ? element : element.querySelector('.i');
    const r = box(picture || element);
    if (!(r[2] > r[0] && r[3] > 0 && r[1] < tall && r[2] > 0 && r[0] < wide)) continue;
    drawn.push([element.dataset.c, picture && inside(r) && visible(picture, r) ? r : null]);
  }
  return {shown, drawn, glyphs, ratio};
}
