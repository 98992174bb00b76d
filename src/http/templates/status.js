// Fetches this page again and replaces its content: every 10 s while it is visible, else once a minute, for title and icon of the
// tab. The page is complete without this script.
(() => {
  const by = (id) => document.getElementById(id);
  const main = document.querySelector('main');
  const title = () => document.title.replace('Not refreshed – ', '');
  const unsure = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='8' fill='%23666'/%3E%3Cpath d='M4 8h8' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E";
  let busy = false;
  let asked = Date.now();

  async function refresh() {
    if (busy || (document.hidden && Date.now() - asked < 60000)) return;
    const selected = !document.hidden && !getSelection().isCollapsed;
    by('paused').hidden = !selected;
    if (selected) return;
    busy = true;
    asked = Date.now();
    try {
      const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(8000) }).catch(() => null);
      if (!answer) throw 'the service does not answer';
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (!fresh.querySelector('main h1')) throw `the answer was ${answer.status}`;
      replace(fresh);
      by('stale').hidden = true;
    } catch (reason) {
      const alarm = `Not refreshed since ${by('made').textContent}: ${reason}. The figures below are from that time.`;
      // a repeated alarm must not be announced again
      if (by('stale').hidden || by('stale').textContent !== alarm) by('stale').textContent = alarm;
      by('stale').hidden = false;
      document.title = `Not refreshed – ${title()}`;
      by('favicon').href = unsure;
    } finally {
      busy = false;
    }
  }

  function replace(fresh) {
    const next = fresh.querySelector('main');
    const state = (page) => page.querySelector('h1').textContent;
    if (state(main) !== state(next)) by('change').textContent = `${state(next)}: ${next.querySelector('.summary').textContent}`;
    const focused = main.contains(document.activeElement) && key(document.activeElement);
    for (const open of main.querySelectorAll('details[open]')) next.querySelector(`#${open.id}`)?.setAttribute('open', '');
    const scrolled = [...main.querySelectorAll('.wide')].map((box) => [box.id, box.scrollLeft]);
    main.replaceChildren(...next.childNodes);
    for (const [id, left] of scrolled) if (by(id)) by(id).scrollLeft = left;
    if (focused) focusable().find((element) => key(element) === focused)?.focus({ preventScroll: true });
    document.title = fresh.title;
    by('favicon').href = fresh.getElementById('favicon').href;
  }

  const focusable = () => [...main.querySelectorAll('a, summary, [tabindex]')];
  const key = (element) => element.id || element.getAttribute('href') || element.parentNode.id;
  setInterval(refresh, 10000);
  document.addEventListener('visibilitychange', refresh);
})();
