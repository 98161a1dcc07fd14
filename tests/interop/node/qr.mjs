// Reads QR codes with the npm library `jsqr`. One JSON object per line on standard input, one result
// per line on standard output.
//
//   {"modules": ["0110...", ...]}  rows of the picture with its margin, 1 is ink  ->  {"text": ...}
import readline from 'node:readline'
import jsQR from 'jsqr'

const SCALE = 4

function picture(modules) {
  const width = modules[0].length * SCALE
  const height = modules.length * SCALE
  const pixels = new Uint8ClampedArray(4 * width * height).fill(255)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (modules[Math.floor(y / SCALE)][Math.floor(x / SCALE)] === '1') {
        pixels.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3)
      }
    }
  }
  return { pixels, width, height }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { pixels, width, height } = picture(JSON.parse(line).modules)
  const found = (jsQR.default ?? jsQR)(pixels, width, height, { inversionAttempts: 'dontInvert' })
  process.stdout.write(JSON.stringify({ text: found === null ? null : found.data }) + '\n')
}
