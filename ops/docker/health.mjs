// Exit code 0 when this node takes publishes (/readyz). For HEALTHCHECK and for Kubernetes' exec probes.
import http from 'node:http';
import https from 'node:https';

const isTls = (process.env['TLS_CERT_FILE'] ?? '') !== '';
const options = {
  host: '127.0.0.1',
  port: Number(process.env['PORT'] ?? 8080),
  path: '/readyz',
  timeout: 2_500,
  // Its own certificate names the host by which others know it.
  rejectUnauthorized: false,
};
const request = (isTls ? https : http).get(options, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
});
request.once('timeout', () => request.destroy(new Error('no answer in time')));
request.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
