// Streams one answer with the official SDK: node ask.mjs [MODEL] [QUESTION]
// The address is that of `sluice serve`, or SLUICE_URL.
import OpenAI from 'openai';

const [model = 'demo', content = 'What is a sluice?'] = process.argv.slice(2);
const client = new OpenAI({
  baseURL: `${process.env.SLUICE_URL ?? 'http://127.0.0.1:8080'}/v1`,
  apiKey: process.env.SLUICE_KEY ?? 'none',
});

try {
  const messages = [{ role: 'user', content }];
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '');
  process.stdout.write('\n');
} catch (e) {
  console.error(`\n${e.constructor.name}: ${e.message} (code ${e.code}, request ${e.requestID})`);
  process.exitCode = 1;
}
