import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OperatorError } from '#platform/domain/errors.ts'
import { readTemporalUrl } from '#platform/saga/temporal/url.ts'

let reducer: string

beforeAll(() => {
  reducer = mkdtempSync(path.join(tmpdir(), 'waybill-tls-'))
  for (const name of ['ca', 'crt', 'key']) writeFileSync(path.join(reducer, name), name)
})

afterAll(() => rmSync(reducer, { recursive: true, force: true }))

const file = (name: string) => encodeURIComponent(path.join(reducer, name))

test('a URL needs only an address and a namespace; the port defaults to 7233', () => {
  expect(readTemporalUrl('temporal://temporal.internal/shop')).toEqual({
    address: 'temporal.internal:7233',
    namespace: 'shop',
    taskQueue: undefined,
    apiKey: undefined,
    tls: false,
  })
  expect(readTemporalUrl('temporal://[::1]:7000/a.b?taskQueue=eu')).toMatchObject({
    address: '[::1]:7000',
    namespace: 'a.b',
    taskQueue: 'eu',
  })
})

test('an API key is sent over TLS unless the URL says otherwise', () => {
  expect(readTemporalUrl('temporal://:a%2Fkey@host/ns')).toMatchObject({ apiKey: 'a/key', tls: {} })
  expect(readTemporalUrl('temporal://:key@host/ns?tls=false')).toMatchObject({ apiKey: 'key', tls: false })
  expect(readTemporalUrl('temporal://host/ns?tls=true').tls).toEqual({})
})

test('the certificates are read from their files', () => {
  const query = `tlsServerName=shop&tlsCa=${file('ca')}&tlsCert=${file('crt')}&tlsKey=${file('key')}`
  expect(readTemporalUrl(`temporal://host/ns?${query}`).tls).toEqual({
    serverNameOverride: 'shop',
    serverRootCACertificate: Buffer.from('ca'),
    clientCertPair: { crt: Buffer.from('crt'), key: Buffer.from('key') },
  })
})

test.each([
  ['temporal://', /is not a URL|names no host/],
  ['temporal:///ns', /names no host/],
  ['temporal://host', /names no namespace/],
  ['temporal://host/a/b', /names no namespace/],
  ['temporal://host/ns?queue=x', /parameter queue; there are taskQueue/],
  ['temporal://host/ns?tls=yes', /tls=yes: it should be true or false/],
  ['temporal://host/ns?tls=false&tlsServerName=x', /tls=false and says how/],
  ['temporal://host/ns?tlsCa=/nowhere/ca.pem', /tlsCa=\/nowhere\/ca.pem, which cannot be read/],
])('%s is refused with the name of its variable', (url, problem) => {
  const read = () => readTemporalUrl(url)
  expect(read).toThrow(OperatorError)
  expect(read).toThrow(/^WORKFLOW_URL /)
  expect(read).toThrow(problem)
})

test('a certificate without its key, or a key without its certificate, is refused', () => {
  expect(() => readTemporalUrl(`temporal://host/ns?tlsCert=${file('crt')}`)).toThrow(/together/)
})
