/* Copies what a button's data-copy, or the element it names by data-from, holds; where the clipboard is closed (plain http) the text is selected. */
"use strict";
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy], button[data-from]");
  if (button === null) return;
  const source = document.getElementById(button.dataset.from ?? "");
  const text = button.dataset.copy ?? source.textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "已复制 copied";
  } catch {
    getSelection().selectAllChildren(source ?? button.parentElement.previousElementSibling);
    button.textContent = "已选中 selected";
  }
  setTimeout(() => { button.textContent = label; }, 2000);
});
