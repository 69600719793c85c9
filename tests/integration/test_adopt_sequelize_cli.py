"""The real sequelize-cli, from npm, agrees with what drydock has done to a database that it migrated first."""

import json
import re
import shutil
import subprocess

import pytest

import bed as beds
from cluster import clean_environment

NAMES = [path.name[:-len(".up.sql")] for path in beds.migration_files().values()]
PACKAGES = ("sequelize@6", "sequelize-cli@6", "pg@8")

# What runs the earlier migrations here: the SQL that sequelize_production.sql says they did. The later ones leave a mark.
MIGRATION = """
module.exports = {
  up: (queryInterface) => queryInterface.sequelize.query(%s),
  down: (queryInterface) => queryInterface.sequelize.query(%s),
};
"""


class Cli:
    """A sequelize project with the eight migrations as JavaScript."""

    def __init__(self, folder, database):
        self.folder = folder
        migrations = folder / "migrations"
        shutil.rmtree(migrations, ignore_errors=True)
        migrations.mkdir()
        text = (beds.DATA / "sequelize_production.sql").read_text(encoding="utf-8")
        parts = re.split(r"^-- migration ", text, flags=re.M)[1:]
        for index, name in enumerate(NAMES):
            sql = "CREATE TABLE ran_by_sequelize (id int)"
            if index < len(parts):
                lines = parts[index].splitlines()[1:]
                sql = "\n".join(lines).split('INSERT INTO "SequelizeMeta"')[0]
            self.write(name, sql)
        (folder / ".sequelizerc").write_text(
            "module.exports = { 'config': 'config.json', 'migrations-path': 'migrations' };", encoding="utf-8")
        (folder / "config.json").write_text(json.dumps({"development": {
            "dialect": "postgres", "host": str(database.cluster.folder), "port": 5432, "username": beds.OWNER,
            "password": "none", "database": database.name, "logging": False}}), encoding="utf-8")

    def write(self, name, sql="SELECT 1"):
        (self.folder / "migrations" / f"{name}.js").write_text(
            MIGRATION % (json.dumps(sql), json.dumps("CREATE TABLE undone_by_sequelize (id int)")), encoding="utf-8")

    def __call__(self, *arguments):
        done = subprocess.run(["node", "node_modules/.bin/sequelize-cli", *arguments], cwd=self.folder, text=True,
                              capture_output=True, env=clean_environment(), timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self):
        """{name: whether it is up}"""
        lines = (line.split() for line in self("db:migrate:status").splitlines())
        return {words[1].removesuffix(".js"): words[0] == "up" for words in lines
                if len(words) == 2 and words[0] in ("up", "down")}


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequelize")
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES], cwd=folder,
                          text=True, capture_output=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.fail(f"npm cannot install {', '.join(PACKAGES)}: {done.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.fixture
def database(bed):
    return bed.empty("white_cross")


@pytest.fixture
def cli(node_modules, database):
    return Cli(node_modules, database)


@pytest.fixture
def migrations(tmp_path):
    return shutil.copytree(beds.MIGRATIONS, tmp_path / "migrations")


def marks(database):
    return [name for name, in database.query("SELECT relname FROM pg_class WHERE relname ~ 'by_sequelize$'")]


def test_both_agree(drydock, database, cli, migrations):
    """Five by sequelize-cli, the rest by drydock; then each looks at what the other says, and does."""
    cli("db:migrate", "--to", f"{NAMES[4]}.js")
    assert cli.status() == {name: name in NAMES[:5] for name in NAMES}

    def ask(command, *arguments):
        done = drydock(command, *arguments, "--migrations", migrations, dsn=database.dsn())
        assert done.code == 0, str(done)
        return done

    ask("adopt", "sequelize", "--yes", "--repair", "mend")
    repair = "20251009013304-mend"
    # sequelize-cli wants a file for each row; the repair is nothing for it to do.
    cli.write(repair)
    ask("migrate")
    assert cli.status() == {name: True for name in [*NAMES, repair]}

    # Nothing is left for it to do.
    assert "No migrations were executed, database schema was already up to date." in cli("db:migrate")
    assert marks(database) == []

    # What drydock takes back it sees as open, and the other way round.
    ask("undo")
    assert cli.status() == {name: name != NAMES[-1] for name in [*NAMES, repair]}
    ask("migrate")
    cli("db:migrate:undo")
    assert marks(database) == ["undone_by_sequelize"]
    assert not cli.status()[NAMES[-1]]
    done = drydock("migrate", "--migrations", migrations, dsn=database.dsn())
    assert done.code == 4 and f"'{NAMES[-1]}.js' is not in that of sequelize-cli" in done.stderr, str(done)
