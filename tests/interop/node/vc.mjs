// Verifies credentials with the npm library `@digitalbazaar/vc`. One JSON object per line on standard
// input, one result per line on standard output.
//
//   {"do": "contexts", "iris": [...]}   answers with the text of each
//   {"do": "verify", "credential": {...}, "did": <the issuer's document>, "contexts": {iri: {...}}}
import readline from 'node:readline'
import * as vc from '@digitalbazaar/vc'
import { DataIntegrityProof } from '@digitalbazaar/data-integrity'
import { Ed25519Signature2020, suiteContext } from '@digitalbazaar/ed25519-signature-2020'
import { contexts as credentials } from '@digitalbazaar/credentials-context'
import { cryptosuite as eddsaRdfc } from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite'

const known = new Map([...credentials, ...suiteContext.contexts])
const contextOf = {
  Ed25519VerificationKey2020: suiteContext.constants.CONTEXT_URL,
  Multikey: 'https://w3id.org/security/multikey/v1',
}

async function verify(row) {
  const documentLoader = async (url) => {
    const method = row.did.verificationMethod.find((one) => one.id === url)
    const document = known.get(url) ?? row.contexts?.[url] ??
      (url === row.did.id ? row.did : undefined) ??
      (method && { '@context': contextOf[method.type], ...method })
    if (document === undefined) {
      throw new Error(`${url} is not there`)
    }
    return { contextUrl: null, documentUrl: url, document }
  }
  const result = await vc.verifyCredential({
    credential: row.credential,
    suite: [new Ed25519Signature2020(), new DataIntegrityProof({ cryptosuite: eddsaRdfc })],
    documentLoader,
  })
  const causes = result.error?.errors ?? (result.error ? [result.error] : [])
  return { verified: result.verified, why: causes.map((one) => `${one.message} ${one.cause ?? ''}`).join('; ') }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    const answer = row.do === 'contexts'
      ? { texts: row.iris.map((iri) => JSON.stringify(known.get(iri))) }
      : await verify(row)
    console.log(JSON.stringify({ good: true, ...answer }))
  } catch (error) {
    console.log(JSON.stringify({ good: false, error: `${error.message}` }))
  }
}
