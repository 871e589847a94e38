import { defineConfig } from "vite";

export default defineConfig({
  // Relative, so that the same build serves under any STATIC_URL.
  base: "./",
  build: {
    outDir: "dist",
    manifest: "manifest.json",
    // Fonts as data: addresses would break `font-src 'self'`.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: ["src/main.js", "src/upload.js"],
      // htmx contains an eval that its configuration in base.html and the CSP both forbid.
      checks: { eval: false, pluginTimings: false },
    },
  },
  css: {
    preprocessorOptions: {
      scss: {
        quietDeps: true,
        // Bootstrap 5.3 can be composed by @import only.
        silenceDeprecations: ["import"],
      },
    },
  },
});
