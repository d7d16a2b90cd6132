// Live updates, keys, and forms that are sent once. Every page works without it.
"use strict";

const $ = (what, where = document) => where.querySelector(what);
const all = (what, where = document) => [...where.querySelectorAll(what)];

// A form that was sent waits for its answer; what the server knows already it does once all the same. The page of a form
// with a file stays until the desk has answered: a proxy that takes no large body, a timeout or a lost connection on the
// long way takes nothing that was typed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  if (form.enctype !== "multipart/form-data") { setTimeout(() => able(form, false)); return; }
  event.preventDefault();
  const body = new FormData(form);
  able(form, false);
  send(form, body);
});
function able(form, is) { all("button", form).forEach((button) => { button.disabled = !is; }); }
async function send(form, body) {
  let status = "";
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { "x-once": "1" } });
    const to = answer.headers.get("x-goto");
    if (to !== null) { location.assign(to); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.body.dataset.unsent !== undefined) { show(page); return; }
    status = ` (${answer.status})`;
  } catch { /* there was no answer at all */ }
  delete form.dataset.sent;
  able(form, true);
  const said = $("[data-said]", form) || form.insertBefore(document.createElement("p"), form.firstChild);
  said.className = "alert";
  said.dataset.said = "";
  said.setAttribute("role", "alert");
  said.textContent = document.body.dataset.unsent + status;
  said.scrollIntoView({ block: "nearest" });
}
function show(page) {
  document.title = page.title;
  $("#main").replaceWith($("#main", page));
  scrollTo(0, 0);
  const first = $("[autofocus]") || $("#main");
  first.focus({ preventScroll: true });
}
// A file that is not taken is not sent.
document.addEventListener("change", (event) => {
  const most = Number(event.target.dataset.most);
  if (event.target.type !== "file" || !most) return;
  const over = [...event.target.files].some((file) => file.size > most);
  event.target.setCustomValidity(over ? event.target.dataset.over : "");
  if (over) event.target.reportValidity();
});
addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => {
  delete form.dataset.sent;
  able(form, true);
}));

// Choosing many.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    all("input[name=task]", event.target.closest("table")).forEach((box) => { box.checked = event.target.checked; });
  }
});
document.addEventListener("input", (event) => {
  const list = event.target.dataset.narrow && $(event.target.dataset.narrow);
  if (!list) return;
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/đ/gi, "d").toLowerCase();
  const wanted = plain(event.target.value);
  all("li", list).forEach((line) => { line.hidden = !plain(line.textContent).includes(wanted); });
  all("section", list).forEach((part) => { part.hidden = !all("li:not([hidden])", part).length; });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.dataset || !event.target.dataset.narrow) return;
  const first = $("li:not([hidden]) a", $(event.target.dataset.narrow));
  if (first) first.click();
});

// Keys of the inbox.
let at = -1;
const lines = () => all("[data-list] tbody tr");
function stand(number) {
  const rows = lines();
  if (!rows.length) return;
  at = Math.max(0, Math.min(number, rows.length - 1));
  rows.forEach((row, place) => row.classList.toggle("at", place === at));
  const link = $("a.code", rows[at]);
  link.focus({ preventScroll: true });
  rows[at].scrollIntoView({ block: "nearest" });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { document.activeElement.blur(); all("details.menu[open]").forEach((menu) => { menu.open = false; }); return; }
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const field = $(`[data-key="${CSS.escape(event.key)}"]`);
  if (field) { event.preventDefault(); field.focus(); return; }
  const row = lines()[at];
  if (event.key === "j") stand(at + 1);
  else if (event.key === "k") stand(at - 1);
  else if (event.key === "x" && row) $("input[name=task]", row).click();
  else if ((event.key === "c" || event.key === "r") && row) { const button = $(`[data-do=${event.key}]`, row); if (button) button.click(); }
});
document.addEventListener("click", (event) => {
  all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});

// Live: the server tells which dossier has changed; a list is fetched anew, a dossier's page says so.
const stream = document.body.dataset.live;
const list = $("#list[data-fragment]");
const dossier = $(".dossier[data-code]");
if (stream && (list || dossier) && "EventSource" in window) {
  const lost = $("#lost");
  let waiting = null;
  let renewed = 0;
  let wanted = 0; // since when something newer is to be shown
  // What has the focus, to be found again in another list: by its row and what it is, else the row's link, else the list.
  const kind = (one) => [one.tagName, one.name, one.closest("tr") ? "" : one.value, one.dataset.do, one.className].join(" ");
  function place(one) {
    if (!one || !list.contains(one)) return () => {};
    const code = one.closest("tr[data-code]") && one.closest("tr[data-code]").dataset.code;
    const what = kind(one);
    const number = lines().indexOf(one.closest("tr"));
    return () => {
      const row = code && lines().find((each) => each.dataset.code === code);
      const near = row || (code && lines()[Math.min(number, lines().length - 1)]);
      const same = (code ? row : list) && all("a, button, input", code ? row : list).find((each) => kind(each) === what);
      const found = same || (near && $("a.code", near)) || $("a, button, input", list);
      if (found) found.focus({ preventScroll: true });
    };
  }
  async function renew() {
    waiting = null;
    renewed = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "x-fragment": list.dataset.fragment } });
      if (answer.redirected || answer.status === 401) { location.reload(); return; }
      if (!answer.ok) throw new Error(String(answer.status));
      // The value says task and last fact: what has moved on meanwhile was not chosen as it is now.
      const chosen = new Set(all("input[name=task]:checked", list).map((box) => box.value));
      const text = await answer.text();
      if ($("button:hover, a.button:hover", list) && Date.now() - wanted < 10000) { soon(500); return; } // no button moves away under a pointer
      const standing = lines()[at] && lines()[at].dataset.code;
      const back = place(document.activeElement);
      list.innerHTML = text;
      all("input[name=task]", list).forEach((box) => { box.checked = chosen.has(box.value); });
      at = lines().findIndex((row) => row.dataset.code === standing);
      if (at >= 0) lines()[at].classList.add("at");
      back();
      lost.hidden = true;
      wanted = 0;
    } catch { lost.hidden = false; soon(3000); }
  }
  function soon(after) { if (waiting === null && !wanted) wanted = Date.now(); if (waiting === null) waiting = setTimeout(renew, after * (1 + Math.random())); } // not all pages of the office at once
  // A browser keeps trying after a lost connection, but not after an answer that is no stream (a server that
  // starts again, a session that has ended): this does, less and less often. A page that nobody looks at listens
  // to nothing, for browsers have few connections to give; what it missed it is told by its mark.
  let events = null;
  let again = 0;
  let patience = 2000;
  function listen() {
    clearTimeout(again);
    if (events !== null && events.readyState !== EventSource.CLOSED) return;
    events = new EventSource(dossier ? `${stream}&dossier=${dossier.dataset.code}` : stream);
    events.addEventListener("open", () => { lost.hidden = true; $("#out").hidden = true; patience = 2000; });
    events.addEventListener("error", () => {
      lost.hidden = false;
      if (events.readyState !== EventSource.CLOSED) return;
      if (list) soon(patience); else still();
      again = setTimeout(listen, patience * (1 + Math.random()));
      patience = Math.min(2 * patience, 60000);
    });
    events.addEventListener("changed", (event) => {
      const [code, seq] = event.data.split(" ");
      if (list) soon(Date.now() - renewed < 10000 ? 4000 : 1000); // at once, but not all day long
      if (dossier && code === dossier.dataset.code && Number(seq) > Number(dossier.dataset.seq)) $("#changed").hidden = false;
    });
  }
  // A page that is no list would not be asked to sign in before it sends something.
  async function still() {
    try {
      const answer = await fetch("/password", { redirect: "manual", headers: { "x-fragment": "none" } });
      $("#out").hidden = answer.type !== "opaqueredirect";
      if (!$("#out").hidden) lost.hidden = true;
    } catch { /* the ribbon says already that the connection is lost */ }
  }
  function leave() { clearTimeout(again); if (events !== null) events.close(); }
  listen();
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else listen(); });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
}
