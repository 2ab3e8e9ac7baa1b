// Builds the three front ends, a page each.
import { defineConfig } from 'vite'
import relay from 'vite-plugin-relay'

export default defineConfig({
  plugins: [relay],
  build: {
    // The unminified code keeps the names that a failing test shows.
    minify: false,
    rolldownOptions: { input: ['apollo/index.html', 'urql/index.html', 'relay/index.html'] },
  },
})
