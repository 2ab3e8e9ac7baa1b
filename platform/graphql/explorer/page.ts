// Renders the explorer's HTML and its content security policy, and decides who gets a sample token.
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { SCRIPTS, STYLES } from '#platform/graphql/explorer/page-files.ts'

/** One tab of the page. */
export type ExampleOperation = {
  readonly name: string
  /** The operation first, then the fragments that it uses. */
  readonly text: string
  readonly variables?: Readonly<Record<string, unknown>>
}

/** The data of the page's script. */
type PageSettings = {
  readonly title: string
  readonly operations: readonly ExampleOperation[]
  readonly token?: string
}

type Page = { readonly path: string; readonly nonce: string; readonly settings: PageSettings }

const HOST = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i

/** Returns the page. `settings` are embedded as data, never as script. */
export function renderPage({ path, nonce, settings }: Page): string {
  const title = escapeHtml(settings.title)
  const data = JSON.stringify(settings).replaceAll('<', '\\u003c')
  const styles = STYLES.map(name => `<link rel="stylesheet" nonce="${nonce}" href="${path}/${name}">`)
  const scripts = SCRIPTS.map(name => `<script defer nonce="${nonce}" src="${path}/${name}"></script>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · GraphiQL</title>
<link rel="icon" href="data:,">
${[...styles, ...scripts].join('\n')}
</head>
<body>
<header id="caller">
<strong>${title}</strong>
<label for="token">Token</label>
<input id="token" autocomplete="off" spellcheck="false" placeholder="paste a bearer token; empty: anonymous">
<output id="who" for="token"></output>
<button id="sample" type="button" hidden>Sample token</button>
<button id="forget" type="button">Forget</button>
<button id="reset" type="button" title="Closes all tabs and opens the examples again">Reset tabs</button>
</header>
<main id="graphiql">Loading GraphiQL</main>
<script type="application/json" id="settings" nonce="${nonce}">${data}</script>
</body>
</html>
`
}

/** Allows scripts and styles with the nonce and connections to this server, nothing else, and no frame around the page. */
export function contentPolicy(nonce: string, host: string | undefined): string {
  const sockets = host !== undefined && HOST.test(host) ? ` ws://${host} wss://${host}` : ''
  return [
    `default-src 'none'`,
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    `connect-src 'self'${sockets}`,
    `font-src data:`,
    `img-src data:`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ')
}

/** Headers that proxies add; a browser that opens a page sends none of them. */
const PROXY_HEADERS =
  /^(?:forwarded|via|cdn-loop|client-ip|forwarded-for|(?:wl-)?proxy-client-ip|front-end-https|(?:x|cf|fly|true|fastly)-.*)$/
/** A page of another site sends another value. */
const SAME_SITE: ReadonlySet<unknown> = new Set([undefined, 'none', 'same-origin'])

type ReceivedRequest = Pick<IncomingMessage, 'headers' | 'httpVersion'> & {
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/**
 * Returns whether a request comes from this machine and names this machine. Another host name could be somebody else's
 * page that resolves to here, and what a proxy forwards may come from anywhere: proxies add a header, or speak HTTP/1.0,
 * as no browser does.
 */
export function isOnThisMachine({ headers, httpVersion, socket }: ReceivedRequest): boolean {
  if (httpVersion === '1.0' || Object.keys(headers).some(name => PROXY_HEADERS.test(name))) return false
  if (!SAME_SITE.has(headers['sec-fetch-site'])) return false
  return isLoopback(socket.remoteAddress ?? '') && isLoopback(hostName(headers.host ?? ''))
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}

function isLoopback(name: string): boolean {
  const address = name.replace(/^::ffff:/, '')
  return name === 'localhost' || name === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
