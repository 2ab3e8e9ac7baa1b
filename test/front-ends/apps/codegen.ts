// Generates the types and documents of the front ends with Apollo Client and urql, and what their caches must know of the
// graph.
import type { CodegenConfig } from '@graphql-codegen/cli'

const config: CodegenConfig = {
  schema: 'bff-web.graphql',
  documents: 'shop/*.graphql',
  generates: {
    'generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: { Decimal: 'string', Currency: 'string', DateTime: 'string' },
      },
    },
    'generated/possible-types.ts': { plugins: ['fragment-matcher'] },
    'generated/introspection.json': { plugins: ['introspection'], config: { minify: true } },
  },
}

export default config
