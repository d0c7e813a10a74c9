/** The panels over the card (guidelines, keys, the group): one at a time, the focus comes back. */
export function makePanels(root) {
  let open = null;

  function close() {
    if (!open) return;
    open.panel.hidden = true;
    open.before?.focus();
    open = null;
  }

  return {
    /** The panel that is open, or null. */
    open: () => open?.panel ?? null,
    close,
    /** Open a panel, or close it where it is the open one. Returns whether it is open now. */
    toggle(panel) {
      const same = open?.panel === panel;
      close();
      if (same) return false;
      open = { panel, before: root.activeElement };
      panel.hidden = false;
      panel.querySelector("button").focus();
      return true;
    },
  };
}
