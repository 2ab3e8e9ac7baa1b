import { expect, it } from 'vitest'
import { generate } from '#tools/schema/codegen.ts'
import { staleFiles } from '#tools/schema/generated-files.ts'

it('the generated types match the SDL: else run `npm run codegen`', async () => {
  expect(await staleFiles(await generate())).toEqual([])
})

it('the generated code has no enums and imports only types', async () => {
  for (const { text } of await generate()) {
    expect(text).not.toMatch(/^(export )?(declare )?(const )?enum /m)
    expect(text).not.toMatch(/^import (?!type )/m)
  }
})
