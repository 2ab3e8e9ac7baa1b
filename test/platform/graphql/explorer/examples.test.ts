import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { readExamples } from '#platform/graphql/explorer/examples.ts'
import { temporaryFolder } from '../../auth/temporary-folder.ts'

it('each example has the fragments that it uses, and initial variables', async () => {
  await using folder = await temporaryFolder()
  const files = {
    'a.graphql':
      'fragment Name on User { name ...Id }\nquery Me { me { ...Name } }\nquery Named($id: ID!) { user(id: $id) }',
    'b.graphql':
      'fragment Id on User { id }\nmutation Add($input: AddInput!, $tags: [String!]!, $first: Int! = 3, $after: ID) { add }',
    'variables.json': '{ "Named": { "id": "u1" } }',
    'notes.txt': 'not an operation',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder.path, name), text)
  const examples = readExamples(pathToFileURL(`${folder.path}/`))
  expect(examples.map(({ name, variables }) => ({ name, variables }))).toEqual([
    { name: 'Me', variables: {} },
    { name: 'Named', variables: { id: 'u1' } },
    { name: 'Add', variables: { input: {}, tags: [] } },
  ])
  expect(examples[0]?.text).toMatch(/^query Me .*fragment Name on User .*fragment Id on User /s)
  expect(examples[2]?.text).not.toContain('fragment')
})

it('a missing folder has no examples', () => {
  expect(readExamples(new URL('nowhere/', import.meta.url))).toEqual([])
})
