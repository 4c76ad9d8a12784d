// SPDX-License-Identifier: BSD-3-Clause
// Keyboard review, and pages that show what is new. Everything works without it.
"use strict";

const keys = { r: "right", w: "wrong", u: "unsure" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const video = document.querySelector("video");
  const button = document.querySelector(`button[value="${keys[event.key]}"]`);
  const action = document.querySelector("#action");
  const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
  if (button) button.click();
  else if (event.key === "a" && action) action.focus();
  else if (link) link.click();
  else if (event.key === " " && video) video.paused ? video.play() : video.pause();
  else return;
  event.preventDefault();
});

const live = document.querySelectorAll("[data-live]");
if (live.length && window.EventSource) {
  let asking = false, again = false;
  const renew = async () => {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (answer.redirected) { location.reload(); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelectorAll("[data-live]");
      live.forEach((old, index) => { if (fresh[index]) old.replaceChildren(...fresh[index].childNodes); });
    } catch { again = true; }
    setTimeout(() => { asking = false; if (again) { again = false; renew(); } }, 1000);
  };
  const source = new EventSource("/live");
  source.onmessage = renew;
  addEventListener("pagehide", () => source.close());
}

const video = document.querySelector("video[data-begins]");
if (video) video.addEventListener("loadedmetadata", () => {
  video.currentTime = Math.max(0, Number(video.dataset.begins) - 1);
}, { once: true });
