// Reads the page again every SECONDS and changes only what differs, so that scroll position, focus, what is typed and
// what is unfolded stay. A page that could not be read again shows that: an old page must not look like a new one.
'use strict';
(() => {
  const SECONDS = 15; // as often as a usual scrape; a faster refresh would show the same numbers
  const ANSWER_SECONDS = 14; // so that at most one request is under way
  const main = document.querySelector('main');
  const status = document.getElementById('updated');
  const stale = document.getElementById('stale');
  const button = document.getElementById('pause');
  let paused = false;
  let lastAt = Date.now();

  const key = (node) => (node.nodeType === Node.ELEMENT_NODE && node.id) || '';

  // Makes `old` equal to `fresh` in place. A form stays as the reader left it.
  function update(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.nodeName === 'FORM' || old.isEqualNode(fresh)) return;
    const isOpen = old.nodeName === 'DETAILS';
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(isOpen && name === 'open')) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    updateChildren(old, fresh);
  }

  // Rows are found by their id, all other nodes by their place.
  function updateChildren(old, fresh) {
    const byId = new Map([...old.children].filter(key).map((node) => [node.id, node]));
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      while (place && key(place) && key(place) !== key(wanted) && !fresh.querySelector(`:scope > #${CSS.escape(place.id)}`)) {
        const gone = place;
        place = place.nextSibling;
        gone.remove();
      }
      const known = key(wanted) ? byId.get(wanted.id) : place;
      if (known && known.nodeName === wanted.nodeName && key(known) === key(wanted)) {
        if (known === place) place = place.nextSibling;
        else old.insertBefore(known, place);
        update(known, wanted);
      } else {
        old.insertBefore(document.importNode(wanted, true), place);
      }
    }
    while (place) {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    }
  }

  const clock = (moment) => new Date(moment).toISOString().slice(11, 19) + ' UTC';

  // While text is selected the reader is about to copy it.
  const isReading = () => String(getSelection()).length > 0;

  async function refresh() {
    if (paused || document.hidden || isReading()) return;
    try {
      const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_SECONDS * 1000) });
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = page.querySelector('main');
      if (!fresh) throw new Error(`the answer was ${answer.status} ${answer.statusText}`);
      document.title = page.title;
      updateChildren(main, fresh);
      lastAt = Date.now();
      stale.hidden = true;
      show();
    } catch (error) {
      const why = error.name === 'TimeoutError' || error.name === 'TypeError' ? 'Riverkeeper does not answer' : error.message;
      stale.textContent = `This page is old: it shows ${clock(lastAt)}. It could not be read again: ${why}.`;
      stale.hidden = false;
    }
  }

  function show() {
    status.textContent = `Read at ${clock(lastAt)}` + (paused ? ', and not again until you resume. ' : `, and again every ${SECONDS} s. `);
    button.textContent = paused ? 'Resume' : 'Pause';
  }

  button.addEventListener('click', () => {
    paused = !paused;
    show();
    refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (Date.now() - lastAt > SECONDS * 1000) refresh();
  });
  show();
  button.hidden = false;
  setInterval(refresh, SECONDS * 1000);
})();
