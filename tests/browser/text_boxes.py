"""Words that a reader cannot read: beyond the edge of their figure, cut by their box, or one over another.

What is measured are the boxes that the browser gave the words, so that fonts, wrapping and widths count as they are.
"""

from __future__ import annotations

from playwright.sync_api import Page

# A box of words is taller than its letters: what is a few pixels outside is no cut letter.
MEASURE = """
() => {
  const edge = 3, found = [];
  const shown = one => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && one.getAttribute('opacity') !== '0'
      && one.checkVisibility({opacityProperty: true, visibilityProperty: true});
  };
  const root = document.querySelector('[data-testid=stMainBlockContainer]') || document.body;
  const said = words => words.trim().replace(/\\s+/g, ' ').slice(0, 60);
  // the boxes of slanted words lie over each other where the words do not
  const slanted = one => !/rotate\\((0|-?90)[,)]/.test(one.getAttribute('transform') || 'rotate(0)')
    && /rotate/.test(one.getAttribute('transform') || '');
  const moved = (one, root) => {
    for (let up = one.parentElement; up && up !== root; up = up.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  let figures = 0;
  for (const svg of root.querySelectorAll('svg')) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].filter(one => one.textContent.trim() && shown(one));
    if (!texts.length) continue;
    figures += 1;
    const boxes = texts.map(one => one.getBoundingClientRect());
    boxes.forEach((box, place) => {
      const out = [frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom];
      if (Math.max(...out) > edge) found.push(['beyond the figure', said(texts[place].textContent)]);
      for (let other = place + 1; other < boxes.length; other++) {
        const next = boxes[other];
        const across = Math.min(box.right, next.right) - Math.max(box.left, next.left);
        const down = Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top);
        const twice = texts[place].textContent === texts[other].textContent && Math.abs(box.left - next.left) < 1
          && Math.abs(box.top - next.top) < 1;  // the ground that letters stand on is drawn as letters
        const tilted = slanted(texts[place]) || slanted(texts[other]);
        if (across > edge && down > edge + 1 && !twice && !tilted)
          found.push(['over another', said(texts[place].textContent), said(texts[other].textContent)]);
      }
    });
  }
  const ways = [...root.querySelectorAll('[data-testid=stPageLink-NavLink]')].filter(shown);
  ways.forEach((one, place) => {
    const box = one.getBoundingClientRect();
    for (const other of ways.slice(place + 1)) {
      const next = other.getBoundingClientRect();
      if (Math.min(box.right, next.right) > Math.max(box.left, next.left)
        && Math.min(box.bottom, next.bottom) - Math.max(box.top, next.top) > 1)
        found.push(['over another', said(one.textContent), said(other.textContent)]);
    }
  });
  for (const one of root.querySelectorAll('p,li,span,a,label,h1,h2,h3,h4,td,th,dt,dd,summary,em,b,figcaption')) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !shown(one) || one.closest('svg')) continue;
    const beside = one.getBoundingClientRect(), within = root.getBoundingClientRect();
    if (beside.right > within.right + edge && !one.closest('.dvn-scroller') && !moved(one, root))
      found.push(['beyond the page', said(one.textContent)]);
    const style = getComputedStyle(one);
    const cuts = style.display !== 'inline' && (style.overflowX !== 'visible' || style.overflowY !== 'visible');
    const scrolls = ['auto', 'scroll'].includes(style.overflowX);
    if (cuts && !scrolls && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + edge))
      found.push(['cut', said(one.textContent)]);
  }
  return {figures, found};
}
"""


def unreadable(page: Page) -> tuple[int, list[list[str]]]:
    """Number of figures with words, and the words that cannot be read; each with what is the matter.

    A figure that is just taking the width of its window has its old boxes for a moment, on a busy machine for a
    second: what is the matter must still be so after a while, with the same words.
    """
    measured = page.evaluate(MEASURE)
    for _ in range(8):
        if not measured["found"]:
            break
        page.wait_for_timeout(500)
        measured = page.evaluate(MEASURE)
    return int(measured["figures"]), list(measured["found"])
