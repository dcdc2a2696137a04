import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../src/config.ts';
import { SECRET_SETTINGS } from '../src/config-secrets.ts';

interface Service {
  readonly image?: string;
  readonly user?: string;
  readonly read_only: boolean;
  readonly init?: boolean;
  readonly cap_drop: string[];
  readonly cap_add?: string[];
  readonly privileged?: boolean;
  readonly security_opt: string[];
  readonly tmpfs: string[];
  readonly volumes?: string[];
  readonly environment: Record<string, string | number>;
  readonly secrets: string[];
  readonly networks: string[];
  readonly ports?: string[];
  readonly mem_limit: string;
  readonly cpus: number;
  readonly pids_limit: number;
  readonly restart: string;
  readonly stop_grace_period: string;
  readonly healthcheck: { readonly test: string[] };
  readonly depends_on?: Record<string, { condition: string }>;
}

const text = readFileSync('docker-compose.yml', 'utf8');
const compose = parse(text, { merge: true }) as {
  services: { postgres: Service; bauta: Service };
  networks: Record<string, { internal?: boolean } | null>;
  secrets: Record<string, { file: string }>;
};
const { postgres, bauta } = compose.services;
const dockerfile = readFileSync('Dockerfile', 'utf8');
const [build = '', image = ''] = dockerfile.split(/^(?=FROM )/m).slice(1);

// Each line of the schema that the environment is read by, and the files that secrets may stand in.
const settings = [
  ...[...readFileSync('src/settings.ts', 'utf8').matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map(([, name]) => String(name)),
  ...SECRET_SETTINGS.map((name) => `${name}_FILE`),
];

describe.each(Object.entries(compose.services))('the container of %s', (_name, service) => {
  test('can write nowhere but to memory of a bounded size and its volume', () => {
    expect(service.read_only).toBe(true);
    expect(service.tmpfs.length).toBeGreaterThan(0);
    for (const mount of service.tmpfs) expect(mount).toMatch(/^\/\w+(\/\w+)?:size=\d+m,noexec,nosuid,nodev$/);
    expect(service.volumes ?? []).toEqual(service === postgres ? ['postgres:/var/lib/postgresql'] : []);
  });

  test('has no capabilities and can gain none', () => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect([service.cap_add, service.privileged]).toEqual([undefined, undefined]);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
  });

  test('has limits of memory, processors and processes', () => {
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    expect(service.cpus).toBeGreaterThan(0);
    expect(service.pids_limit).toBeGreaterThan(0);
  });

  test('is watched, brought back, and given the time to end', () => {
    expect(service.healthcheck.test.length).toBeGreaterThan(1);
    expect(service.restart).toBe('unless-stopped');
    expect(Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1])).toBeGreaterThan(10);
  });

  test('has its secrets in files, and none in its environment', () => {
    for (const [name, value] of Object.entries(service.environment)) {
      if (/PASSWORD|KEY|DATABASE_URL|SECRET|TOKEN/.test(name)) {
        expect(name).toMatch(/_FILE$/);
        expect(service.secrets).toContain(String(value).replace('/run/secrets/', ''));
      }
    }
    for (const secret of service.secrets) expect(compose.secrets[secret]?.file).toBe(`.secrets/${secret}`);
  });
});

describe('the network', () => {
  test('of the database is internal, and it publishes no port', () => {
    expect(postgres.networks).toEqual(['inside']);
    expect(compose.networks.inside?.internal).toBe(true);
    expect(postgres.ports).toBe(undefined);
  });

  test('shows the host the API alone, and the metrics to nobody outside', () => {
    expect(bauta.ports).toEqual(['127.0.0.1:3000:3000']);
    expect(bauta.environment.METRICS_PORT).not.toBe(3000);
    expect(bauta.networks).toEqual(['inside', 'outside']);
  });
});

describe('the images', () => {
  test('are pinned to exact versions', () => {
    expect(postgres.image).toMatch(/^postgres:\d+\.\d+$/);
    for (const stage of [build, image]) expect(stage).toMatch(/^FROM node:\d+\.\d+\.\d+-slim\b/);
  });

  test('run nothing as root', () => {
    expect(postgres.user).toBe('postgres');
    const users = [...image.matchAll(/^USER (.*)$/gm)].map(([, user]) => user);
    expect(users).toEqual(['1000:1000']);
    expect(bauta.user).toBe(undefined);
    expect(image.indexOf('USER ')).toBeGreaterThan(image.lastIndexOf('\nCOPY '));
  });

  test('hold what is needed, without running anybody’s install scripts and without a secret', () => {
    expect(build).toContain('npm ci --ignore-scripts\n');
    expect(image).toContain('npm ci --ignore-scripts --omit=dev --omit=optional');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) => names?.split(' '));
    const allowed = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    expect(readFileSync('.dockerignore', 'utf8').split('\n')[0]).toBe('*');
    expect([...new Set(copied)].sort()).toEqual(allowed.map((line) => line.slice(1)).sort());
    const variables = [...dockerfile.matchAll(/^(?:ENV|ARG) (.*)$/gm)].flatMap(([, all]) =>
      all?.match(/[A-Z_]+(?==)/g),
    );
    expect(variables).toEqual(['NODE_ENV', 'HOST']);
    expect(image).toMatch(/^HEALTHCHECK .*/m);
  });

  test('get signals: by an init process, and without a shell between', () => {
    expect(bauta.init).toBe(true);
    expect(image.trim().split('\n').at(-1)).toBe('CMD ["node", "dist/main.js"]');
    expect(bauta.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
  });
});

describe('the settings', () => {
  test('that are named there exist', () => {
    expect(settings).toEqual(expect.arrayContaining(['HOST', 'DATA_DIR', 'MASTER_KEY_FILE']));
    expect(Object.keys(bauta.environment).filter((name) => !settings.includes(name))).toEqual([]);
    const given = [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name);
    expect(given.filter((name) => !settings.includes(String(name)))).toEqual([]);
    const known = ['POSTGRES_USER', 'POSTGRES_DB', 'POSTGRES_PASSWORD_FILE', 'POSTGRES_INITDB_ARGS'];
    expect(Object.keys(postgres.environment)).toEqual(known);
  });

  test('are all in the README', () => {
    const rows = readFileSync('README.md', 'utf8')
      .match(/^\| `[A-Z_]+`.*$/gm)
      ?.join('\n');
    expect(settings.filter((name) => !rows?.includes(`\`${name}\``))).toEqual([]);
  });

  test('are made by the commands at the top: secrets that the service takes, and that fit together', () => {
    const commands = [...text.matchAll(/^# {3}(.*)$/gm)].map(([, command]) => command).join('\n');
    const home = mkdtempSync(path.join(tmpdir(), 'bauta-compose-'));
    try {
      execFileSync('bash', ['-euc', `umask 022\n${commands}`], { cwd: home });
      const directory = path.join(home, '.secrets');
      expect(readdirSync(directory).sort()).toEqual(Object.keys(compose.secrets).sort());
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      const config = readConfig({
        DATABASE_URL_FILE: path.join(directory, 'database_url'),
        MASTER_KEY_FILE: path.join(directory, 'master_key'),
      });
      const url = new URL(config.databaseUrl ?? '');
      expect(url.password).toBe(readFileSync(path.join(directory, 'postgres_password'), 'utf8'));
      expect(url.password).toMatch(/^[0-9a-f]{48}$/);
      const { POSTGRES_USER: user, POSTGRES_DB: name } = postgres.environment;
      expect([url.username, url.hostname, url.port, url.pathname]).toEqual([user, 'postgres', '5432', `/${name}`]);
    } finally {
      rmSync(home, { recursive: true });
    }
    expect(readFileSync('.gitignore', 'utf8').split('\n')).toContain('.secrets/');
  });
});
