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

// What somebody has opened, picked or filled in stays as it is.
function carryOver(from, to) {
  for (const old of from.querySelectorAll("details[open][id]")) {
    const now = to.querySelector("#" + CSS.escape(old.id));
    if (now) now.open = true;
  }
  for (const old of from.querySelectorAll("input[type=checkbox][id]:checked")) {
    const now = to.querySelector("#" + CSS.escape(old.id));
    if (now) now.checked = true;
  }
}

// Puts each element with an id in the place of the one that was there, if it says something else.
function replace(html) {
  const next = new DOMParser().parseFromString(html, "text/html").body;
  const focus = document.activeElement;
  const key = focus && (focus.id ? "#" + CSS.escape(focus.id) : focus.getAttribute("href") &&
    `a[href="${CSS.escape(focus.getAttribute("href"))}"]`);
  if (shape(next) !== shape(content)) {
    carryOver(content, next);
    content.replaceChildren(...next.childNodes);
  } else {
    for (const now of [...next.children]) {
      const old = now.id && content.querySelector(":scope > #" + CSS.escape(now.id));
      // A form that somebody fills in is not taken away.
      if (!old || now.matches("form.filter") || seen.get(now.id) === now.outerHTML) continue;
      seen.set(now.id, now.outerHTML);
      carryOver(old, now);
      old.replaceWith(now);
    }
  }
  if (key && !focus.isConnected) content.querySelector(key)?.focus({ preventScroll: true });
  prepare(content);
}

const seen = new Map();
const shape = (root) => [...root.children].map((child) => child.tagName + "#" + child.id).join();

function follow() {
  const source = new EventSource(location.href);
  source.onopen = () => say("on", "live");
  source.onmessage = (event) => {
    say("on", "live");
    if (!document.querySelector("dialog[open]")) replace(event.data);
  };
  source.addEventListener("trouble", (event) => say("off", event.data.slice(0, 120)));
  source.onerror = () => {
    say("off", "not live");
    // Browsers try again by themselves unless they were refused.
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
