"use strict";

// Who answered this page.
fetch("backend").then((reply) => reply.json()).then((who) => {
  for (const key of ["backend", "process", "worker"]) document.getElementById(key).textContent = who[key];
});

// The longest of the requests that are sent while `target` is under way, in milliseconds.
async function longestBeside(target) {
  let running = true;
  const under = fetch(target).finally(() => { running = false; });
  let longest = 0;
  while (running) {
    const started = performance.now();
    await fetch("plaintext", { cache: "no-store" });
    longest = Math.max(longest, performance.now() - started);
  }
  await under;
  return longest;
}

for (const row of document.querySelectorAll("tr[data-target]")) {
  row.querySelector("button").addEventListener("click", async () => {
    const result = row.querySelector(".result");
    result.textContent = "…";
    result.textContent = `up to ${(await longestBeside(row.dataset.target)).toFixed(1)} ms`;
  });
}
