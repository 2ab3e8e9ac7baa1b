// Runs in the browser: GraphiQL on this server's graph, with the token of the bar above it. Free of other hosts.
;(() => {
  const { React, ReactDOM, GraphiQL, graphqlWs } = window
  const settings = JSON.parse(document.getElementById('settings').textContent)
  // Styles that GraphiQL's dialogs add need the nonce too; they read it under this name.
  window.__webpack_nonce__ = document.getElementById('settings').nonce

  const ENDPOINT = '/graphql'
  const TOKEN_KEY = 'waybill:token'
  const field = id => document.getElementById(id)

  /** What a person pastes may carry the scheme, quotes or line breaks around it. */
  function tidy(text) {
    return text
      .trim()
      .replace(/^(authorization:\s*)?bearer\s+/i, '')
      .replace(/^["']|["']$/g, '')
  }

  /** The claims, unverified: for people to see whose token this is. Undefined when it is not a token. */
  function claimsOf(token) {
    try {
      const base64 = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')
      const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
      return JSON.parse(new TextDecoder().decode(bytes))
    } catch {
      return undefined
    }
  }

  function isOver(token) {
    const claims = claimsOf(token)
    return claims === undefined || claims.exp * 1000 <= Date.now()
  }

  function describe(token) {
    if (token === '') return { text: 'anonymous', problem: false }
    const claims = claimsOf(token)
    if (claims === undefined) return { text: 'this is not a token', problem: true }
    const end = new Date(claims.exp * 1000).toLocaleString()
    if (isOver(token)) return { text: `${claims.role} ${claims.sub}: over since ${end}`, problem: true }
    return { text: `${claims.role} ${claims.sub}, until ${end}`, problem: false }
  }

  function firstToken() {
    const kept = sessionStorage.getItem(TOKEN_KEY)
    if (kept !== null && (kept === '' || !isOver(kept))) return kept
    return settings.token ?? kept ?? ''
  }

  let token = firstToken()

  const authorization = () => (token === '' ? {} : { authorization: `Bearer ${token}` })

  const live = graphqlWs.createClient({
    url: new URL(ENDPOINT, location.href).href.replace(/^http/, 'ws'),
    connectionParams: authorization,
    retryAttempts: 30,
    retryWait: attempt => new Promise(resolve => setTimeout(resolve, Math.min(100 * 2 ** attempt, 5000))),
  })

  /** Positions that this page's commands have reached, for its queries to wait for. */
  const reached = new Map()

  function noteReached(header) {
    for (const entry of header?.split(',') ?? []) {
      const [service, position] = entry.split('=')
      reached.set(service, Math.max(reached.get(service) ?? 0, Number(position)))
    }
  }

  function required() {
    const text = [...reached].map(([service, position]) => `${service}=${position}`).join(',')
    return text === '' ? {} : { 'waybill-consistency': text }
  }

  async function send(operation, headers) {
    const response = await fetch(ENDPOINT, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...required(),
        ...authorization(),
        ...headers,
      },
      body: JSON.stringify(operation),
    })
    noteReached(response.headers.get('waybill-consistency'))
    return response.json()
  }

  /** A closed socket says why in its close event, which GraphiQL would show as an empty object. */
  function readable(error) {
    if (!(error instanceof CloseEvent)) return error
    return { message: `The live connection was closed: ${error.reason || 'no reason given'} (${error.code})` }
  }

  function follow(operation) {
    const payload = { ...operation, extensions: required() }
    return {
      subscribe: ({ next, error, complete }) => ({
        unsubscribe: live.subscribe(payload, { next, error: cause => error(readable(cause)), complete }),
      }),
    }
  }

  /** Kind and name of each operation in a document, read from its text: what GraphiQL knows of it lags behind. */
  function operationsIn(document) {
    let text = document.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g, ' ')
    for (let before = ''; before !== text; ) {
      before = text
      text = text.replace(/\{[^{}]*\}|\([^()]*\)/g, ' ; ')
    }
    const heads = text.matchAll(/(?<![\w$@])(query|mutation|subscription)\b\s*([_a-z]\w*)?/gi)
    return [...heads].map(([, kind, name]) => ({ kind, name }))
  }

  /** A new function for each token: GraphiQL then reads the schema again. */
  const createFetcher =
    () =>
    ({ query, variables, operationName }, { headers } = {}) => {
      const operations = operationsIn(query)
      const named = operations.find(({ name }) => name === operationName)
      const operation = { query, variables, ...(named?.name && { operationName }) }
      const { kind } = named ?? operations[0] ?? {}
      return kind === 'subscription' ? follow(operation) : send(operation, headers)
    }

  const tabs = settings.operations.map(({ text, variables }) => ({
    query: text,
    variables:
      variables && Object.keys(variables).length > 0 ? JSON.stringify(variables, null, 2) : undefined,
  }))

  // GraphiQL opens its first tab with the variables that it stored last, and leaves those of the example out.
  if (tabs.length > 0 && localStorage.getItem('graphiql:tabState') === null)
    localStorage.setItem('graphiql:variables', tabs[0].variables ?? '')

  const root = ReactDOM.createRoot(field('graphiql'))

  function show() {
    root.render(
      React.createElement(GraphiQL, {
        fetcher: createFetcher(),
        defaultTabs: tabs.length > 0 ? tabs : undefined,
        defaultEditorToolsVisibility: 'variables',
        shouldPersistHeaders: false,
      }),
    )
  }

  function showCaller() {
    const { text, problem } = describe(token)
    field('token').value = token
    field('who').textContent = text
    field('who').title = text
    field('who').classList.toggle('problem', problem)
  }

  /** Live operations go on, on a new connection that shows the new token. */
  function setToken(text) {
    token = tidy(text)
    sessionStorage.setItem(TOKEN_KEY, token)
    reached.clear()
    live.terminate()
    showCaller()
    show()
  }

  field('token').addEventListener('change', event => setToken(event.target.value))
  field('forget').addEventListener('click', () => setToken(''))
  field('sample').addEventListener('click', () => setToken(settings.token))
  field('sample').hidden = settings.token === undefined
  field('reset').addEventListener('click', () => {
    for (const key of Object.keys(localStorage)) if (key.startsWith('graphiql:')) localStorage.removeItem(key)
    location.reload()
  })
  showCaller()
  show()
})()
