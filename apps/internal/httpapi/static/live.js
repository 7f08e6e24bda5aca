// What makes the pages live. They are whole without it: every link and every form
// works by itself. With it, a page draws the parts of it that have changed anew when
// something was recorded, and the slider shows an order's past while it is moved.
//
// A part that may change is an element with an id and data-region. What is new is
// asked for as the same page that a reload would show, so there is no second way to
// draw anything.

document.documentElement.classList.add("js");

const state = document.getElementById("state");

function say(name, words) {
  if (!state) return;
  state.hidden = false;
  state.dataset.state = name;
  const text = document.createElement("span");
  text.textContent = words;
  state.replaceChildren(text);
}

// busy reports whether the visitor is writing in a part of the page, which is then
// left alone. The server checks what they send against what is so by then.
function busy(region) {
  if (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return true;
  for (const field of region.querySelectorAll("input:not([type=hidden]), textarea")) {
    if (field.value !== field.defaultValue) return true;
  }
  return false;
}

// redraw replaces the regions of the page that differ in another copy of it.
function redraw(next, force) {
  const kept = [];
  for (const region of document.querySelectorAll("[data-region]")) {
    const now = next.getElementById(region.id);
    if (!now || same(region, now)) continue;
    if (!force && busy(region)) {
      kept.push(region);
      continue;
    }
    const focused = region.contains(document.activeElement) ? address(document.activeElement) : null;
    const opened = [...region.querySelectorAll("details")].map((d) => d.open);
    mark(region, now);
    region.replaceChildren(...document.importNode(now, true).childNodes);
    region.querySelectorAll("details").forEach((d, i) => { d.open = opened[i] ?? d.open; });
    if (focused) region.querySelector(focused)?.focus({ preventScroll: true });
  }
  const slider = document.getElementById("version");
  const there = next.getElementById("version");
  if (slider && there) {
    const atEnd = slider.value === slider.max;
    slider.max = there.max;
    if (force || atEnd) slider.value = there.getAttribute("value");
  }
  const shown = document.getElementById("shown");
  const nowShown = next.getElementById("shown");
  if (shown && nowShown) shown.textContent = nowShown.textContent;
  return kept.length === 0;
}

// same compares two regions, but for the keys of their forms, which are new each time.
function same(a, b) {
  const plain = (region) => {
    const copy = region.cloneNode(true);
    copy.querySelectorAll("input[name=key]").forEach((key) => key.remove());
    copy.querySelectorAll("details").forEach((d) => d.removeAttribute("open"));
    copy.querySelectorAll(".fresh").forEach((row) => row.classList.remove("fresh"));
    copy.querySelectorAll("[class='']").forEach((row) => row.removeAttribute("class"));
    return copy.innerHTML;
  };
  return plain(a) === plain(b);
}

// mark lets rows that are new, or of a newer version, be seen.
function mark(before, after) {
  for (const row of after.querySelectorAll("tr[data-version]")) {
    const old = before.querySelector("#" + CSS.escape(row.id));
    if (!old || old.dataset.version !== row.dataset.version) row.classList.add("fresh");
  }
}

// address returns a selector under which an element is found in a new copy.
function address(element) {
  if (element.id) return "#" + CSS.escape(element.id);
  const href = element.getAttribute("href");
  return href ? `a[href="${CSS.escape(href)}"]` : null;
}

// fetched returns the page at an address, as it is at least at a token.
async function fetched(url, token, signal) {
  const headers = { Accept: "text/html" };
  if (token) headers["Daybook-Token"] = token;
  const answer = await fetch(url, { headers, signal });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// A page is drawn anew no more often than this, in milliseconds, however much is
// recorded.
const pause = 400;

function follow(stream) {
  let source = null;
  let token = "";
  let behind = false; // something was recorded since the page was drawn
  let held = false; // a part was left as it was, because the visitor is writing in it
  let drawing = false;

  async function draw() {
    if (drawing || document.hidden) return;
    drawing = true;
    behind = false;
    try {
      held = !redraw(await fetched(location.href, token), false);
      say("live", "Live");
    } catch {
      behind = true;
      say("away", "Catching up");
    }
    setTimeout(() => {
      drawing = false;
      if (behind) draw();
    }, pause);
  }

  // A browser has few connections to one place, and every page that is looked at needs
  // one. A page that is not looked at gives its own back, and goes on later after the
  // last message that it saw.
  function connect() {
    if (source || document.hidden) return;
    const url = new URL(stream, location);
    if (token) url.searchParams.set("after", token);
    source = new EventSource(url);
    source.addEventListener("open", () => say("live", "Live"));
    source.addEventListener("error", () => {
      say("away", "Not connected");
      // A browser comes again by itself, but not after it was told no.
      if (source?.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(connect, 5000);
    });
    source.addEventListener("changed", (message) => {
      token = message.lastEventId;
      behind = true;
      draw();
    });
    source.addEventListener("reset", () => location.reload());
  }

  function disconnect() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      disconnect();
      return;
    }
    connect();
    if (behind) draw();
  });
  document.addEventListener("focusout", () => setTimeout(() => { if (held) draw(); }));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  connect();
}

// poll draws a page anew now and then, for what no stream tells: how far something has
// come. It ends when the page says so.
async function poll() {
  const every = Number(document.body.dataset.poll);
  if (!every) return;
  await new Promise((resolve) => setTimeout(resolve, every));
  try {
    if (!document.hidden) {
      const next = await fetched(location.pathname + location.search, "");
      redraw(next, false);
      document.body.dataset.poll = next.body.dataset.poll ?? "";
      say("live", "Live");
      if (!next.body.dataset.poll && next.body.dataset.live) {
        follow(next.body.dataset.live);
        return;
      }
    }
  } catch {
    say("away", "Not connected");
  }
  poll();
}

function slide(form) {
  const range = form.querySelector("input[type=range]");
  let asking = null;
  range.addEventListener("input", async () => {
    asking?.abort();
    asking = new AbortController();
    const url = range.value === range.max ? form.action : `${form.action}?version=${range.value}`;
    try {
      const next = await fetched(url, "", asking.signal);
      history.replaceState(null, "", url);
      document.querySelector("main > .notice")?.remove(); // it was about now
      redraw(next, true);
    } catch (error) {
      if (error.name !== "AbortError") location.assign(url);
    }
  });
}

// A form that searches shows what it finds while it is filled in.
function search(form) {
  let asking = null;
  let soon = 0;
  async function look() {
    asking?.abort();
    asking = new AbortController();
    const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    const url = form.action + (asked.size ? `?${asked}` : "");
    try {
      const next = await fetched(url, "", asking.signal);
      history.replaceState(null, "", url);
      redraw(next, true);
    } catch {
      // Half a number is none yet. Who sends the form is told what is wrong with it.
    }
  }
  form.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(look, 150);
  });
}

// A form is sent once, however often its button is pressed. Its key would see to that
// anyway; this spares the waiting.
document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("method") !== "post") return; // a field may be called method
  const button = event.submitter;
  setTimeout(() => { if (button) button.disabled = true; });
});

document.querySelectorAll("form[data-slider]").forEach(slide);
document.querySelectorAll("form[data-search]").forEach(search);
if (document.body.dataset.live) follow(document.body.dataset.live);
poll();
