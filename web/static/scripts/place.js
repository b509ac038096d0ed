// A page that answers a form: loaded again, or come back to, it is the page that the form was on, which asks
// for nothing to be done, rather than the form sent once more.
history.replaceState(null, "", document.body.dataset.place);
