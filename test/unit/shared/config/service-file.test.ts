import t from 'tap';
import { parseServiceBody } from '../../../../shared/config/service.js';
import { parseServiceFile } from '../../../../shared/config/service-file.js';
import { refusal } from './a-service.js';

const refused = (text: string, file = 's.toml') => refusal(() => parseServiceFile(text, file, 'shop'));

t.test('a file gives its services, each as a spec and as what the API takes', async (t) => {
  const text =
    '[[service]]\nname = "a"\nimage = "x:1"\n[service.env]\nK = "v"\n[[service]]\nname = "b"\nimage = "y:1"\ndepends_on = ["a"]\n';
  const { services } = await parseServiceFile(text, 's.toml', 'shop');
  t.same(
    services.map(({ spec }) => `${spec.project}/${spec.name}`),
    ['shop/a', 'shop/b'],
  );
  t.match(services[0]?.raw, { name: 'a', image: 'x:1', env: { K: 'v' }, project: 'shop' });
  for (const { raw, spec } of services) {
    t.same(
      parseServiceBody(JSON.parse(JSON.stringify(raw)), 'w'),
      spec,
      'sent as JSON it is the same service',
    );
  }
});

t.test('YAML has the same keys', async (t) => {
  const yaml = 'service:\n  - name: a\n    image: x:1\n    env: { K: v }\n';
  const toml = '[[service]]\nname = "a"\nimage = "x:1"\nenv = { K = "v" }\n';
  t.same(await parseServiceFile(yaml, 's.yaml', 'p'), await parseServiceFile(toml, 's.toml', 'p'));
});

t.test('every problem has its line, column and key, in the order of the file', async (t) => {
  const text =
    '[[service]]\nname = "a"\nimge = "x"\n  replicas = "3"\n[service.readiness]\npth = "/"\n[[service]]\nname = "b"\nimage = "x:1"\nresources = { cpu = 0 }\n';
  t.same(
    (await refused(text))
      .split('\n')
      .map((line) => line.split(' ')[0] + line.slice(line.indexOf(' '), line.indexOf(' ') + 24)),
    [
      's.toml:3:1: service "a": imge: unkn',
      's.toml:4:3: service "a": replicas: ',
      's.toml:6:1: service "a": readiness.',
      's.toml:10:15: service "b": resources.',
    ],
  );
});

t.test('a missing key is placed at its table', async (t) => {
  t.match(await refused('\n[[service]]\nname = "a"\n'), /^s\.toml:2:3: service "a": image: is required/);
});

t.test('places are right in YAML too', async (t) => {
  const text = 'service:\n  - name: a\n    image: x:1\n    readiness:\n      pth: /x\n';
  t.match(await refused(text, 's.yml'), /^s\.yml:5:7: service "a": readiness\.pth: unknown key/);
});

t.test('a text that is neither is refused with its line', async (t) => {
  t.match(await refused('[[service]]\nname = \n'), /^s\.toml:2:\d+: not valid TOML: /);
  t.match(await refused('a = 1\na = 2\n'), /^s\.toml:2:\d+: not valid TOML: /);
  t.match(await refused('service:\n  - name: "a\n', 's.yaml'), /^s\.yaml:\d+:\d+: not valid YAML: /);
  t.match(await refused('a: &a [*a]\nservice: []\n', 's.yaml'), /s\.yaml/);
});

t.test('what does not belong in the file is refused', async (t) => {
  t.match(await refused(''), /s\.toml: holds no \[\[service\]\]/);
  t.match(await refused('[service]\nname = "a"\n'), /s\.toml:1:2: service: .*\[\[service\]\]/);
  t.match(await refused('name = "a"\n'), /s\.toml:1:1: name: .*stands under \[\[service\]\]/);
  t.match(await refused('[[services]]\nname = "a"\n'), /services: unknown key; did you mean \[\[service\]\]/);
  t.match(await refused('[cluster]\nname = "a"\n'), /cluster: belongs in cluster\.toml/);
});

t.test('services that clash are refused', async (t) => {
  const service = (name: string, more: string): string =>
    `[[service]]\nname = "${name}"\nimage = "x:1"\n${more}\n`;
  t.match(
    await refused(service('a', '') + service('a', '')),
    /s\.toml:6:1: service "a": name: another service/,
  );
  const one = 'port = 80\ndomain = "a.com"';
  t.match(
    await refused(service('a', one) + service('b', one)),
    /service "b": domain: a\.com\/\* belongs to "shop\/a" already/,
  );
  t.equal(await refused(service('a', one) + service('b', `${one}\nroutes = ["/b/*"]`)), '');
  t.match(
    await refused(service('a', 'depends_on = ["c"]')),
    /depends_on\[0\]: there is no service "c" in project "shop"/,
  );
  const circle =
    service('a', 'depends_on = ["b"]') +
    service('b', 'depends_on = ["c"]') +
    service('c', 'depends_on = ["a"]');
  t.match(await refused(circle), /depends_on: goes in a circle: a → b → c → a/);
});

t.test('a folder whose name can be no project is refused', async (t) => {
  const text = '[[service]]\nname = "a"\nimage = "x:1"\n';
  t.match(await refusal(() => parseServiceFile(text, 's.toml', 'My Shop')), /project/);
});
