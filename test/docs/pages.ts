// Reads README and docs/ for tests: pages, fenced blocks, tables and links.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The README, then docs/ in alphabetical order, relative to the repository. */
export const PAGES: readonly string[] = [
  'README.md',
  ...globSync('docs/**/*.md', { cwd: ROOT }).sort(),
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSES.md',
  'SECURITY.md',
]

export type Block = { readonly language: string; readonly marks: readonly string[]; readonly text: string }

export function readPage(page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8')
}

/** Returns the fenced blocks in order. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)([^\n]*)\n(.*?)^```$/gms)].map(
    ([, language = '', marks = '', text = '']) => ({
      language,
      marks: marks.split(' ').filter(Boolean),
      text,
    }),
  )
}

/** Returns the section under a heading, up to the next heading of its level or above. */
export function sectionOf(markdown: string, heading: string): string {
  const start = markdown.indexOf(`\n## ${heading}\n`)
  if (start < 0) throw new Error(`there is no section "${heading}"`)
  const end = markdown.indexOf('\n## ', start + 1)
  return markdown.slice(start, end < 0 ? undefined : end)
}

/** Returns the code words in the first column of a page's tables. */
export function firstColumn(markdown: string): string[] {
  return [...markdown.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = '']) => codeWords(cell))
}

export function codeWords(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].flatMap(([, word]) => word ?? [])
}

/** Returns the targets of links within the repository, with their fragments. */
export function linksOf(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) =>
    /^[a-z]+:/.test(target) ? [] : target,
  )
}

/** Returns the fragments by which a page's headings are linked. */
export function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}
