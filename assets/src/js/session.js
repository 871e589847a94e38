// When a request of htmx ends at the sign-in page, the session is over: the page reloads and is sent there whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { responseURL } = event.detail.xhr;
  const login = document.body.dataset.login;
  if (!responseURL || new URL(responseURL).pathname !== login || location.pathname === login) return;
  event.detail.shouldSwap = false;
  location.reload();
});
