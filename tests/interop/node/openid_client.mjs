// A relying party with the npm library `openid-client`, and a wallet's proof of its key with `jose`. One
// JSON object per line on standard input, one result per line on standard output.
//
//   {"do": "keys", "name": <client>, "alg": "ES256"}
//       makes its keys: {"jwk", "seal"}, public, and "opens", which is private
//   {"do": "begin", "name", "issuer", "kind": "plain" | "par" | "dpop", "parameters": {...}}
//       answers with the address that a browser is sent to
//   {"do": "finish", "name", "callback": <address that the browser comes back to>}
//       answers with the token endpoint's answer, the ID token's claims and the userinfo, verified
//   {"do": "proof", "alg": "ES256", "claims": {...}}   a wallet's proof, and its public JWK
//   {"do": "bound", "name", "url", "token", "nonce"}   a DPoP proof for a request with the client's token
//
// Its own certificates' issuer comes by NODE_EXTRA_CA_CERTS.
import readline from 'node:readline'
import * as client from 'openid-client'
import * as jose from 'jose'

const parties = new Map()
const members = ['kty', 'crv', 'x', 'y', 'n', 'e']

async function exported(key) {
  const jwk = await crypto.subtle.exportKey('jwk', key)
  return Object.fromEntries(members.filter((name) => name in jwk).map((name) => [name, jwk[name]]))
}

async function keys(row) {
  const pair = await client.randomDPoPKeyPair(row.alg, { extractable: true })
  const seal = await crypto.subtle.generateKey(
    { name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    true,
    ['encrypt', 'decrypt']
  )
  parties.set(row.name, { key: pair.privateKey, seal: seal.privateKey })
  const opens = await crypto.subtle.exportKey('jwk', seal.privateKey)
  delete opens.key_ops
  return { jwk: await exported(pair.publicKey), seal: { ...(await exported(seal.publicKey)), kid: row.name }, opens }
}

// What the userinfo endpoint said stays to be looked at by others.
const remembering = (party) => async (url, options) => {
  const response = await fetch(url, options)
  if (new URL(url).pathname.endsWith('/oidc/userinfo') && response.ok) {
    party.raw = await response.clone().text()
  }
  return response
}

async function configure(row, party) {
  const config = await client.discovery(new URL(row.issuer), row.name, {}, client.PrivateKeyJwt(party.key), {
    [client.customFetch]: remembering(party),
    timeout: 120, // seconds, of all its requests: for what never comes
  })
  client.enableNonRepudiationChecks(config)
  if (row.kind === 'dpop') {
    party.pair = await client.randomDPoPKeyPair('ES256', { extractable: true })
    party.options = { DPoP: client.getDPoPHandle(config, party.pair) }
    client.enableDecryptingResponses(config, ['A256GCM'], { key: party.seal, alg: 'RSA-OAEP-256', kid: row.name })
  }
  return config
}

async function begin(row) {
  const party = parties.get(row.name)
  party.config ??= await configure(row, party)
  party.verifier = client.randomPKCECodeVerifier()
  party.state = client.randomState()
  party.nonce = row.parameters.scope.includes('openid') ? client.randomNonce() : undefined
  const parameters = {
    ...row.parameters,
    state: party.state,
    code_challenge: await client.calculatePKCECodeChallenge(party.verifier),
    code_challenge_method: 'S256',
    ...(party.nonce === undefined ? {} : { nonce: party.nonce }),
  }
  const url = row.kind === 'plain'
    ? client.buildAuthorizationUrl(party.config, parameters)
    : await client.buildAuthorizationUrlWithPAR(party.config, parameters, party.options)
  return { url: url.href }
}

async function finish(row) {
  const party = parties.get(row.name)
  const checks = {
    pkceCodeVerifier: party.verifier,
    expectedState: party.state,
    expectedNonce: party.nonce,
    idTokenExpected: party.nonce !== undefined,
  }
  const tokens = await client.authorizationCodeGrant(party.config, new URL(row.callback), checks, undefined, party.options)
  if (party.nonce === undefined) return { tokens }
  const claims = tokens.claims()
  const userinfo = await client.fetchUserInfo(party.config, tokens.access_token, claims.sub, party.options)
  return { tokens, claims, userinfo, raw: party.raw }
}

async function proof(row) {
  const { publicKey, privateKey } = await jose.generateKeyPair(row.alg)
  const jwk = await jose.exportJWK(publicKey)
  const jwt = await new jose.SignJWT(row.claims)
    .setProtectedHeader({ alg: row.alg, typ: 'openid4vci-proof+jwt', jwk })
    .setIssuedAt()
    .sign(privateKey)
  return { jwt, jwk }
}

async function bound(row) {
  const { publicKey, privateKey } = parties.get(row.name).pair
  const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(row.token))).toString('base64url')
  const claims = { htm: 'POST', htu: row.url, jti: crypto.randomUUID(), ath, nonce: row.nonce }
  const jwt = await new jose.SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exported(publicKey) })
    .setIssuedAt()
    .sign(privateKey)
  return { jwt }
}

const does = { keys, begin, finish, proof, bound }

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    console.log(JSON.stringify({ good: true, ...(await does[row.do](row)) }))
  } catch (error) {
    const why = [error, error.cause].filter(Boolean).map((one) => `${one.code ?? ''} ${one.error ?? ''} ${one.message ?? JSON.stringify(one)}`)
    console.log(JSON.stringify({ good: false, error: why.join('; ') }))
  }
}
