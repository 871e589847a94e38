// What Uppy's dashboard says wrong to a screen reader is set right after each of its renderings.
export function mendRoles(area) {
  const mend = () => {
    // Between its list and the items there are wrappers without a role of their own.
    for (const list of area.querySelectorAll("[role=list]")) {
      for (const wrapper of list.querySelectorAll(":scope > div, :scope > div > div:not([role])")) {
        wrapper.setAttribute("role", "presentation");
      }
    }
  };
  new MutationObserver(mend).observe(area, { childList: true, subtree: true });
  mend();
}
