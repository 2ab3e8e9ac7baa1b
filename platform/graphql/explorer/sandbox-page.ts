// Renders Apollo Sandbox as a GraphQL endpoint's landing page in development.
import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { isObject } from '#platform/domain/json.ts'
import { JSON_TYPE } from '#platform/graphql/route.ts'
import { preferredType } from '#platform/http/media-types.ts'

const SCRIPTS = 'https://embeddable-sandbox.cdn.apollographql.com'
const FRAME = 'https://sandbox.embed.apollographql.com'

type SandboxPage = { readonly html: string; readonly headers: Readonly<Record<string, string>> }

/** The page explores the address that it is served at. The browser loads Sandbox from Apollo's site. */
export function sandboxPage(): SandboxPage {
  const nonce = randomBytes(16).toString('base64')
  const policy = `default-src 'none'; script-src 'nonce-${nonce}' ${SCRIPTS}; style-src 'unsafe-inline'; frame-src ${FRAME}`
  return {
    html: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Apollo Sandbox</title>
<body style="margin:0">
<noscript>Apollo Sandbox needs JavaScript.</noscript>
<p style="font:16px sans-serif;padding:1em">Apollo Sandbox comes from the internet. Without it, use <a href="/graphiql">GraphiQL</a>.</p>
<div id="sandbox" style="position:fixed;inset:0"></div>
<script nonce="${nonce}" src="${SCRIPTS}/_latest/embeddable-sandbox.umd.production.min.js"></script>
<script nonce="${nonce}">new window.EmbeddedSandbox({ target: '#sandbox', initialEndpoint: location.origin + location.pathname })</script>
</body>
</html>
`,
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy },
  }
}

/** Returns whether a browser opened the endpoint without an operation. */
export function wantsSandbox({ method, headers, query }: FastifyRequest): boolean {
  const hasOperation = isObject(query) && 'query' in query
  return (
    method === 'GET' &&
    !hasOperation &&
    preferredType(headers.accept, [JSON_TYPE, 'text/html']) === 'text/html'
  )
}
