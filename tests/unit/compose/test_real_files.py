"""Files as people write them are read whole: a blog, a shop of three tiers, a fleet of VMs."""

from collections.abc import Callable
from ipaddress import IPv4Network

from herdbook.compose.deployment import FailureAction, Order
from herdbook.compose.model import Condition, Reading, VolumeKind
from herdbook.compose.wishes import Kind, Percent, Strategy

Read = Callable[..., Reading]

WORDPRESS = """
    version: "3.8"
    services:
      db:
        # a comment
        image: mariadb:10.6.4-focal
        command: '--default-authentication-plugin=mysql_native_password'
        volumes:
          - db_data:/var/lib/mysql
        restart: always
        environment:
          - MYSQL_ROOT_PASSWORD=${ROOT_PASSWORD:?set a root password}
          - MYSQL_DATABASE=wordpress
          - MYSQL_USER=wordpress
          - MYSQL_PASSWORD=${PASSWORD:-wordpress}
        expose:
          - 3306
          - 33060
        healthcheck:
          test: ["CMD", "mysqladmin", "ping", "-h", "localhost"]
          interval: 10s
          retries: 5
          start_period: 30s
      wordpress:
        image: wordpress:latest
        volumes:
          - wp_data:/var/www/html
          - ./themes:/var/www/html/wp-content/themes:ro
        ports:
          - 80:80
        restart: always
        depends_on:
          db:
            condition: service_healthy
        environment:
          WORDPRESS_DB_HOST: db
          WORDPRESS_DB_USER: wordpress
          WORDPRESS_DB_PASSWORD: ${PASSWORD:-wordpress}
    volumes:
      db_data:
      wp_data:
    """


def test_wordpress_and_its_database(read: Read) -> None:
    files = {"compose.yaml": WORDPRESS, ".env": "ROOT_PASSWORD='a$b'\n"}
    found = read(files)
    assert not found.unsupported
    assert not found.unset
    db, wordpress = found.application.services["db"], found.application.services["wordpress"]
    assert db.environment == {
        "MYSQL_ROOT_PASSWORD": "a$b",
        "MYSQL_DATABASE": "wordpress",
        "MYSQL_USER": "wordpress",
        "MYSQL_PASSWORD": "wordpress",
    }
    assert db.command == ("--default-authentication-plugin=mysql_native_password",)
    assert [each.first for each in db.expose] == [3306, 33060]
    assert wordpress.depends_on["db"].condition is Condition.HEALTHY
    assert [(each.published, each.target) for each in wordpress.ports] == [((80, 80), 80)]
    kinds = [each.kind for each in wordpress.volumes]
    assert kinds == [VolumeKind.VOLUME, VolumeKind.BIND]
    assert set(found.application.volumes) == {"db_data", "wp_data"}
    assert found.application.networks["default"].name == "shop_default"


TIERS = """
    name: shop
    x-deploy: &rolling
      update_config: {parallelism: 1, delay: 10s, order: start-first, failure_action: rollback,
                      monitor: 30s, max_failure_ratio: 0.2}
      rollback_config: {parallelism: 0}
      restart_policy: {condition: on-failure, max_attempts: 3}
    x-logging: &logging
      logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}
    services:
      proxy:
        <<: *logging
        image: nginx:1.27
        ports:
          - {target: 443, published: "8443", protocol: tcp, mode: host}
        configs:
          - {source: proxy_conf, target: /etc/nginx/nginx.conf, mode: 0444}
        networks: [front]
        depends_on: [api]
        deploy: {<<: *rolling, replicas: 2}
      api:
        <<: *logging
        build: {context: ./api, args: [VERSION=1]}
        image: registry.example/shop/api:${VERSION:-1.0}
        environment:
          DATABASE_URL: postgres://api@db/shop
          DEBUG:
        secrets: [db_password]
        networks: {front: , back: {aliases: [backend]}}
        depends_on:
          db: {condition: service_healthy, restart: true}
          migrate: {condition: service_completed_successfully}
        stop_grace_period: 1m30s
        read_only: true
        tmpfs: [/tmp, /run]
        cap_drop: [ALL]
        deploy:
          <<: *rolling
          replicas: 4
          resources: {limits: {cpus: "0.50", memory: 256M}, reservations: {memory: 64M}}
          placement: {constraints: [node.role == worker]}
      migrate:
        extends: api
        command: ["./manage", "migrate"]
        depends_on: !override {db: {condition: service_healthy}}
        deploy: !reset null
        restart: "no"
      db:
        image: postgres:17
        user: postgres
        shm_size: 256mb
        volumes: [{type: volume, source: data, target: /var/lib/postgresql/data}]
        secrets: [{source: db_password, target: password, uid: "70", mode: 0400}]
        networks: {back: {ipv4_address: 10.20.0.5}}
        healthcheck: {test: pg_isready -U postgres, interval: 5s, timeout: 3s, retries: 10}
      adminer:
        image: adminer
        ports: ["127.0.0.1:8081:8080"]
        networks: [back]
        profiles: [debug]
    networks:
      front:
      back: {internal: true, ipam: {config: [{subnet: 10.20.0.0/24}]}}
    volumes: {data: }
    secrets: {db_password: {file: ./secrets/db_password}}
    configs: {proxy_conf: {file: ./nginx.conf}}
    """


def test_a_shop_of_three_tiers(read: Read) -> None:
    found = read(TIERS, environment={"VERSION": "2.0"})
    services = found.application.services
    assert list(services) == ["proxy", "api", "migrate", "db"]
    assert [each.key.removeprefix("services.") for each in found.unsupported] == [
        *("proxy.logging", "proxy.ports.0.mode", "proxy.deploy.restart_policy.condition"),
        *("proxy.deploy.restart_policy.max_attempts", "api.build", "api.cap_drop.0"),
        *("api.depends_on.db.restart", "api.logging", "api.deploy.placement"),
        *("api.deploy.resources.reservations.memory", "api.deploy.restart_policy.condition"),
        *("api.deploy.restart_policy.max_attempts", "migrate.build", "migrate.cap_drop.0"),
        *("migrate.logging", "db.networks.back.ipv4_address", "db.secrets.0.mode"),
        "db.secrets.0.uid",
    ]
    api, migrate, db = services["api"], services["migrate"], services["db"]
    assert (api.image, api.scale, api.cpus, api.memory_bytes) == (
        *("registry.example/shop/api:2.0", 4, 0.5, 256 << 20),
    )
    assert api.environment == {"DATABASE_URL": "postgres://api@db/shop"}
    assert api.deploy.update_config is not None
    assert api.deploy.update_config.order is Order.START_FIRST
    assert api.deploy.update_config.failure_action is FailureAction.ROLLBACK
    assert api.networks["back"].aliases == ("backend",)
    assert api.depends_on["migrate"].condition is Condition.COMPLETED
    assert (list(migrate.depends_on), migrate.command) == (["db"], ("./manage", "migrate"))
    assert (migrate.scale, migrate.deploy.update_config) == (1, None)
    assert db.secrets[0].target == "/run/secrets/password"
    assert (db.secrets[0].user_id, db.secrets[0].mode) == ("70", 0o400)
    assert found.application.networks["back"].subnet == IPv4Network("10.20.0.0/24")
    assert "default" not in found.application.networks


def test_the_same_shop_with_a_profile_and_an_override(read: Read) -> None:
    override = """
        services:
          api:
            ports: ["8000:8000"]
            environment: [DEBUG=1]
            deploy: {replicas: 1}
          proxy: {ports: !override ["80:80"]}
        """
    files = {"compose.yaml": TIERS, "compose.override.yaml": override}
    services = read(files, profiles=["debug"]).application.services
    assert services["adminer"].ports[0].host_ip == "127.0.0.1"
    assert (services["api"].scale, services["api"].environment["DEBUG"]) == (1, "1")
    assert [each.target for each in services["proxy"].ports] == [80]


FLEET = """
    name: fleet
    x-herdbook: {domain: fleet.example, subnet: 10.40.0.0/16, bake: 5m, on_degrade: rollback}
    services:
      web:
        ports: ["8080:8080"]
        deploy: {replicas: 3, update_config: {order: start-first}}
        x-herdbook:
          image: shop/web@stable
          strategy: canary
          canary: {instances: 1, weight: 10, analysis: 2m, hold: 50%}
          settle: 2s
          drain: 30s
          deadline: 1m
          budget: {min_available: 66%}
          probe: {http: /health, port: 8080, interval: 500ms, timeout: 1s, rise: 2, fall: 3}
          ingress: {port: 8080, host: [fleet.example, www.fleet.example], certificate: tls/web.pem}
      db:
        volumes: [data:/var/lib/postgresql]
        x-herdbook:
          kind: vm
          class: pet
          image: shop/database:12
          reversible: false
          on_degrade: freeze
          snapshot: {keep: 5}
          backup: {schedule: 30 2 * * *, keep: 14, to: sftp:backup.example/fleet}
          probe: {command: [pg_isready, -q]}
          vm: {cpus: 2, memory: 1g, disk: 20g}
    volumes: {data: }
    """


def test_a_fleet_of_containers_and_machines(read: Read) -> None:
    found = read(FLEET)
    assert not found.unsupported
    web, db = (found.application.services[name].herdbook for name in ("web", "db"))
    assert (web.strategy, web.bake, web.on_degrade) == (Strategy.CANARY, 300, "rollback")
    assert web.canary is not None
    assert web.canary.hold == Percent(percent=50)
    assert (db.kind, db.bake, db.on_degrade, db.reversible) == (Kind.VM, 300, "freeze", False)
    assert db.image is not None
    assert (db.image.name, db.image.number) == ("shop/database", 12)
    assert db.backup is not None
    assert db.backup.to == "sftp:backup.example/fleet"
    assert found.application.herdbook.domain == "fleet.example"
