// Inside Airflow's frame, links to Airflow's own pages open in the window around it rather than as a second Airflow within.
// The frame may not navigate that window, so its router is told the new address as if it had come back to it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  window.parent.history.pushState({}, "", link.href);
  window.parent.dispatchEvent(new PopStateEvent("popstate", { state: {} }));
});
