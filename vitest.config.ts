import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // No root, no built tree, no network: what `make check` runs.
      {
        test: {
          name: "unit",
          include: [
            "src/**/*.test.ts",
            "test/golden/**/*.test.ts",
            "test/conformance/**/*.test.ts",
            "test/corpus/**/*.test.ts",
            "test/fuzz/**/*.test.ts",
            "test/tree/**/*.test.ts",
          ],
          setupFiles: "test/seed.ts",
          testTimeout: 60_000,
        },
      },
      // The built command, real tools and, as root on Linux, network namespaces.
      {
        test: {
          name: "live",
          include: ["test/differential/**/*.test.ts", "test/command/**/*.test.ts", "test/netns/**/*.test.ts"],
          setupFiles: "test/seed.ts",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
