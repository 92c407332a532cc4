// Shows /openapi.json.  A problem's type is a link to its text on this page.

window.SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.getElementById("api"),
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
  onComplete() {
    const name = location.hash.slice(1);
    if (name.startsWith("problem-")) {
      document.getElementById(name)?.scrollIntoView();
    }
  },
});
