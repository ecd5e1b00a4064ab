// Makes pages live, and asks in a dialog before an action. Every page works without it.
"use strict";

// -- Live content ----------------------------------------------------------------------------

const content = document.querySelector("[data-live]");
const lamp = document.getElementById("live");

function say(state, text) {
  if (!lamp || (lamp.dataset.state === state && lamp.textContent === text)) return;
  lamp.hidden = false;
  lamp.dataset.state = state;
  lamp.textContent = text;
}

// Not `node.id`: in a form that is a field of this name.
const key = (node) => node.getAttribute?.("id");

// Makes what is there into what it is now and touches nothing that stays: a link does not vanish
// under the mouse, what is picked stays picked, what is open stays open.
function become(old, now) {
  if (old.isEqualNode(now) || (old.matches?.("form.filter") && old.contains(document.activeElement))) return;
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName || key(old) != key(now)) {
    old.replaceWith(now);
  } else if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = now.data;
  } else {
    for (const { name } of [...old.attributes]) {
      if (!now.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of now.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    becomeWithin(old, now);
  }
}

// Children with an id are found by it, wherever they have moved to; the others by their place.
function becomeWithin(old, now) {
  const named = new Map([...old.children].filter(key).map((child) => [key(child), child]));
  let at = old.firstChild;
  for (const next of [...now.childNodes]) {
    const alike = at && !key(at) && at.nodeName === next.nodeName ? at : null;
    const match = key(next) ? named.get(key(next)) : alike;
    if (!match) {
      old.insertBefore(next, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else old.insertBefore(match, at);
    become(match, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function replace(html) {
  becomeWithin(content, new DOMParser().parseFromString(html, "text/html").body);
  prepare(content);
}

let silence = 0;

function follow() {
  const source = new EventSource(location.href);
  const heard = () => {
    clearTimeout(silence);
    silence = 0;
    say("on", "live");
  };
  source.onopen = heard;
  source.onmessage = (event) => {
    heard();
    if (!document.querySelector("dialog[open]")) replace(event.data);
  };
  source.addEventListener("trouble", (event) => say("off", event.data.slice(0, 120)));
  source.onerror = () => {
    // A stream ends now and then, and browsers ask again by themselves unless they were refused.
    silence ||= setTimeout(() => say("off", "not live"), 3000);
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 10000);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

addEventListener("pageshow", (event) => event.persisted && content && follow());
if (content) follow();

// -- Asking before an action -------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-confirm]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const question = page.getElementById("confirm");
    if (!answer.ok || !question) throw new Error();
    ask(question, link);
  } catch {
    location.href = link.href;
  }
});

function ask(question, link) {
  const dialog = document.createElement("dialog");
  dialog.append(question);
  dialog.setAttribute("aria-label", question.querySelector("h1")?.textContent ?? "");
  dialog.querySelector("[data-close]")?.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (link.isConnected) link.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

// -- Picking, and the keyboard -------------------------------------------------------------------

function prepare(root) {
  for (const all of root.querySelectorAll("input[data-all]")) {
    all.hidden = false;
    all.onchange = () => {
      for (const box of all.form.querySelectorAll("input[name=id]")) box.checked = all.checked;
    };
  }
}

prepare(document);

let going = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, dialog")) return;
  if (event.key === "/") {
    const field = document.querySelector("form.filter input");
    if (field) { event.preventDefault(); field.focus(); }
  } else if (event.key === "g") {
    going = event.timeStamp;
  } else if (event.timeStamp - going < 1500) {
    going = 0;
    document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
  }
});
