import { request } from 'node:http'
import { expect, it } from 'vitest'
import { exploreGraph } from './explored-graph.ts'

const html = async (url: string, headers: Record<string, string> = {}) =>
  (await fetch(url, { headers })).text()

function settingsOf(page: string): { readonly token?: string; readonly title: string } {
  return JSON.parse(/id="settings"[^>]*>(.*?)<\/script>/s.exec(page)?.[1] ?? '{}')
}

/** The status of a request line that no tidy client would send. */
function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

it('loads its scripts, styles and data from this server alone, by a nonce that is new each time', async () => {
  await using graph = await exploreGraph()
  const answers = await Promise.all([fetch(graph.page), fetch(graph.page)])
  const [policy = '', another] = answers.map(answer => answer.headers.get('content-security-policy') ?? '')
  expect(policy).toContain("default-src 'none'; script-src 'nonce-")
  expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${graph.port}`)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(another).not.toBe(policy)
  expect(answers[0].headers.get('cache-control')).toBe('no-store')
  const page = await answers[0].text()
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? 'none'
  const sources = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1] ?? '')
  expect(sources.filter(source => !source.startsWith('/graphiql/'))).toEqual(['data:,'])
  expect(page.match(/<(?:script|link rel="stylesheet")(?![^>]*nonce=)/g)).toBeNull()
  expect(page).toContain(`nonce="${nonce}"`)
})

it('serves each of its files with a type that fits, and 304 to whoever has it', async () => {
  await using graph = await exploreGraph()
  const page = await html(graph.page)
  const files = [...page.matchAll(/"(\/graphiql\/[\w.-]+)"/g)].map(match => match[1] ?? '')
  expect(files).toHaveLength(7)
  for (const file of files) {
    const answer = await fetch(`${graph.url}${file}`)
    expect(answer.headers.get('content-type')).toContain(
      file.endsWith('.css') ? 'text/css' : 'text/javascript',
    )
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    const text = await answer.text()
    expect(text).not.toContain('sourceMappingURL')
    const etag = answer.headers.get('etag') ?? ''
    expect((await fetch(`${graph.url}${file}`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  }
})

it('serves nothing else, whatever the path climbs to', async () => {
  await using graph = await exploreGraph()
  for (const path of [
    '/graphiql/',
    '/graphiql/explorer.ts',
    '/graphiql/../package.json',
    '/graphiql/..%2f..%2fpackage.json',
    '/graphiql/%2e%2e/package.json',
    '/graphiql/page.js/../../explorer.ts',
    '/graphiql//etc/passwd',
    '/graphiql/page.js%00.css',
  ])
    expect(await statusOf(graph.port, path), path).toBe(404)
})

it('keeps titles and examples from becoming part of the page', async () => {
  const text = 'query A { me } # </script><script>alert(1)</script>'
  const title = '<b>"Graph"</b>'
  await using graph = await exploreGraph({ title, operations: [{ name: 'A', text }] })
  const page = await html(graph.page)
  expect(page).not.toContain('<b>')
  expect(page).not.toContain('<script>alert')
  expect(settingsOf(page)).toMatchObject({ title, operations: [{ name: 'A', text }] })
})

it('hands its sample token to a browser on this machine only', async () => {
  await using graph = await exploreGraph({ token: async () => 'a.sample.token' })
  expect(settingsOf(await html(graph.page)).token).toBe('a.sample.token')
  expect(settingsOf(await html(graph.page.replace('127.0.0.1', 'localhost'))).token).toBe('a.sample.token')
  for (const header of ['x-forwarded-for', 'forwarded'])
    expect(settingsOf(await html(graph.page, { [header]: '192.0.2.7' })).token, header).toBeUndefined()
  const rebound = await new Promise<string>((resolve, reject) => {
    const headers = { host: 'rebound.example' }
    request(graph.page, { headers }, async response => resolve((await response.toArray()).join('')))
      .on('error', reject)
      .end()
  })
  expect(settingsOf(rebound).title).toBe('Explored graph')
  expect(settingsOf(rebound).token).toBeUndefined()
})
