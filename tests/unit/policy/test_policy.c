/* Policies: those that are shipped load, defaults are what the header says, and every mistake is
 * named with file, line and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "policy/policy.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    folder = g_dir_make_tmp("policy-XXXXXX", NULL);
    return folder != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
    return 0;
}

static char *write_file(const char *name, const char *text, gssize size)
{
    char *path = g_build_filename(folder, name, NULL);
    assert_true(g_file_set_contents(path, text, size, NULL));
    return path;
}

static Policy *load(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = write_file("p.yaml", text, -1);
    Policy *policy = policy_load(path, &error);
    g_unlink(path);
    assert_string_equal(error != NULL ? error->message : "", "");
    assert_non_null(policy);
    return policy;
}

static void shipped(const char *name, const char *schedule, unsigned assertions)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strdup_printf("%s/policies/%s.yaml", SOURCE_DIR, name);
    g_autoptr(Policy) policy = policy_load(path, &error);
    assert_string_equal(error != NULL ? error->message : "", "");
    assert_string_equal(policy->name, name);
    assert_string_equal(policy->path, path);
    assert_string_equal(policy->migrations, SOURCE_DIR "/migrations");
    if (schedule == NULL)
        assert_null(policy->window.schedule);
    else
        assert_string_equal(policy->window.schedule, schedule);
    assert_int_equal(g_strv_length(policy->verify_assertions), assertions);
    if (assertions > 0)
        assert_string_equal(policy->verify_assertions[0], SOURCE_DIR "/policies/white-cross/*.sql");
}

static void test_shipped(void **state)
{
    (void)state;
    shipped("development", NULL, 0);
    shipped("staging", NULL, 1);
    shipped("production", "Sun 02:00-04:00 America/Chicago", 1);
    shipped("rehearsal", NULL, 1);
}

static void test_production(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_load(SOURCE_DIR "/policies/production.yaml", NULL);
    assert_non_null(policy);
    assert_int_equal(policy->window.margin_ms, 5 * 60 * 1000);
    assert_int_equal(policy->fence_drain_ms, 30 * 1000);
    assert_string_equal(policy->publish_to[0], "file:///var/backups/drydock");
    assert_null(policy->publish_to[1]);
    assert_string_equal(policy->state, "/var/lib/drydock/white-cross");
    assert_false(policy->verify_all);
    for (const char *const *finding = policy_findings; *finding != NULL; finding++)
        assert_false(policy_accepts(policy, *finding));
}

static void check_defaults(const Policy *policy)
{
    g_autofree char *here = g_get_current_dir();
    g_autofree char *migrations = g_build_filename(here, "migrations", NULL);
    assert_string_equal(policy->migrations, migrations);
    assert_null(policy->state);
    assert_string_equal(policy->control_database, "postgres");
    assert_null(policy->window.schedule);
    assert_int_equal(policy->on_crash, ON_CRASH_RESTORE);
    assert_int_equal(policy->window.margin_ms, 300000);
    assert_int_equal(policy->fence_drain_ms, 30000);
    assert_int_equal(policy->connect_timeout_ms, 10000);
    assert_int_equal(policy->lock_timeout_ms, 5000);
    assert_int_equal(policy->lock_attempts, 6);
    assert_int_equal(policy->statement_timeout_ms, 900000);
    assert_int_equal(policy->hook_timeout_ms, 60000);
    assert_int_equal(policy->standby_timeout_ms, 30000);
    assert_null(policy->fence_before[0]);
    assert_null(policy->fence_after[0]);
    assert_null(policy->fence_standbys[0]);
    assert_int_equal(policy->strategy, STRATEGY_SHADOW);
    assert_int_equal(policy->fence_how, FENCE_NAME);
    assert_int_equal(policy->clone_method, CLONE_AUTO);
    assert_null(policy->clone_free);
    assert_int_equal(policy->snapshot_jobs, 0);
    assert_int_equal(policy->snapshot_level, 1);
    assert_false(policy->snapshot_text);
    assert_int_equal(policy->snapshot_split_bytes, 256 << 20);
    assert_false(policy->verify_all);
    assert_null(policy->verify_assertions[0]);
    assert_int_equal(policy->publish_before, PUBLISH_BEFORE_OPEN);
    assert_null(policy->publish_to[0]);
    assert_null(policy->accept[0]);
}

static void test_defaults(void **state)
{
    (void)state;
    g_autoptr(Policy) built_in = policy_new_default();
    g_autoptr(Policy) least = load("policy: least\n");
    assert_string_equal(built_in->name, "development");
    assert_null(built_in->path);
    check_defaults(built_in);
    assert_string_equal(least->name, "least");
    check_defaults(least);
    policy_free(NULL);
}

static void test_every_key(void **state)
{
    (void)state;
    g_autofree char *assertion = write_file("facts.sql", "SELECT 1 WHERE false;\n", -1);
    g_autoptr(Policy) policy =
        load("policy: \"all-keys_1.0\"   # quoted, with a comment\n"
             "migrations: ../up\n"
             "state: ./state/../runs\n"
             "control_database: ops\n"
             "on_crash: continue\n"
             "strategy: in_place\n"
             "window: {schedule: 'Mon-Fri 22:00-01:30 UTC', margin: 90s}\n"
             "fence: {how: name, drain: 0, before: ['stop; wait', true], after: [start],\n"
             "  standbys: ['host=a', 'service=b']}\n"
             "timeouts:\n"
             "  connect: 3s\n"
             "  lock: 250ms\n"
             "  lock_attempts: 12\n"
             "  statement: 2h\n"
             "  hook: 90s\n"
             "  standby: 2min\n"
             "  end_applications: [pgadmin, \"nightly report\"]\n"
             "clone: {method: wal_log, free: df}\n"
             "snapshot: {jobs: 4, level: 9, format: text, split: 64MiB}\n"
             "verify: {data: all, assertions: [facts.sql, '*.sql']}\n"
             "publish:\n"
             "  before: nothing\n"
             "  to:\n"
             "  - file:///srv/a\n"
             "  - \"file:///srv/b\"\n"
             "encrypt:\n"
             "  recipients:\n"
             "  - age185724vv6wd4w770p34eadgadqndf3elhs70y7jk6amnm3hjl6qvs8250up\n"
             "accept: [standby, disk]\n");
    g_autofree char *parent = g_path_get_dirname(folder);
    g_autofree char *migrations = g_build_filename(parent, "up", NULL);
    g_autofree char *runs = g_build_filename(folder, "runs", NULL);
    g_autofree char *pattern = g_build_filename(folder, "*.sql", NULL);
    g_unlink(assertion);
    assert_string_equal(policy->name, "all-keys_1.0");
    assert_string_equal(policy->migrations, migrations);
    assert_string_equal(policy->state, runs);
    assert_string_equal(policy->control_database, "ops");
    assert_string_equal(policy->window.schedule, "Mon-Fri 22:00-01:30 UTC");
    assert_int_equal(policy->on_crash, ON_CRASH_CONTINUE);
    assert_int_equal(policy->window.margin_ms, 90000);
    assert_int_equal(policy->fence_drain_ms, 0);
    assert_int_equal(policy->connect_timeout_ms, 3000);
    assert_int_equal(policy->lock_timeout_ms, 250);
    assert_int_equal(policy->lock_attempts, 12);
    assert_int_equal(policy->statement_timeout_ms, 7200000);
    assert_int_equal(policy->hook_timeout_ms, 90000);
    assert_int_equal(policy->standby_timeout_ms, 120000);
    assert_string_equal(policy->fence_before[0], "stop; wait");
    assert_string_equal(policy->fence_before[1], "true");
    assert_null(policy->fence_before[2]);
    assert_string_equal(policy->fence_after[0], "start");
    assert_string_equal(policy->fence_standbys[0], "host=a");
    assert_string_equal(policy->fence_standbys[1], "service=b");
    assert_null(policy->fence_standbys[2]);
    assert_string_equal(policy->end_applications[0], "pgadmin");
    assert_string_equal(policy->end_applications[1], "nightly report");
    assert_null(policy->end_applications[2]);
    assert_int_equal(policy->strategy, STRATEGY_IN_PLACE);
    assert_int_equal(policy->clone_method, CLONE_WAL_LOG);
    assert_string_equal(policy->clone_free, "df");
    assert_int_equal(policy->snapshot_jobs, 4);
    assert_int_equal(policy_jobs(policy), 4);
    assert_int_equal(policy->snapshot_level, 9);
    assert_true(policy->snapshot_text);
    assert_int_equal(policy->snapshot_split_bytes, 64 << 20);
    assert_true(policy->verify_all);
    assert_string_equal(policy->verify_assertions[0], assertion);
    assert_string_equal(policy->verify_assertions[1], pattern);
    assert_int_equal(policy->publish_before, PUBLISH_BEFORE_NOTHING);
    assert_string_equal(policy->publish_to[1], "file:///srv/b");
    assert_true(g_str_has_prefix(policy->encrypt_recipients[0], "age185724"));
    assert_null(policy->encrypt_recipients[1]);
    assert_true(policy_accepts(policy, "disk"));
    assert_false(policy_accepts(policy, "logical_slot"));
}

static void test_no_clone(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = load("policy: p\nstrategy: in_place\nclone: {method: none}\n");
    assert_int_equal(policy->clone_method, CLONE_NONE);
}

static void test_fence_none(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = load("policy: p\nstrategy: in_place\nfence: {how: none}\n"
                                    "clone: {method: none}\naccept: [irreversible]\n");
    assert_int_equal(policy->strategy, STRATEGY_IN_PLACE);
    assert_int_equal(policy->fence_how, FENCE_NONE);
    assert_true(policy_accepts(policy, "irreversible"));
}

static void test_jobs_auto(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = load("policy: p\nsnapshot: {jobs: auto}\nclone: {method: auto}\n");
    assert_int_equal(policy->snapshot_jobs, 0);
    assert_in_range(policy_jobs(policy), 1, POLICY_JOBS_MAX);
}

/* The folder's own name is no pattern, whatever it contains. */
static void test_pattern_in_folder_name(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autofree char *odd = g_build_filename(folder, "a[b]*", NULL);
    g_autofree char *file = g_build_filename(odd, "p.yaml", NULL);
    g_autofree char *facts = g_build_filename(odd, "facts.sql", NULL);
    g_autofree char *expected = g_strdup_printf("%s/a\\[b]\\*/*.sql", folder);
    g_autoptr(Policy) policy = NULL;
    assert_int_equal(g_mkdir(odd, 0700), 0);
    assert_true(
        g_file_set_contents(file, "policy: p\nverify: {assertions: ['*.sql']}\n", -1, NULL));
    assert_true(g_file_set_contents(facts, "", -1, NULL));
    policy = policy_load(file, &error);
    g_unlink(file);
    g_unlink(facts);
    g_rmdir(odd);
    assert_string_equal(error != NULL ? error->message : "", "");
    assert_string_equal(policy->verify_assertions[0], expected);
}

#define KEYS_OF_POLICY                                                                             \
    "policy, migrations, state, control_database, on_crash, strategy, window, fence, timeouts, "   \
    "clone, snapshot, verify, publish, encrypt, accept"
#define FINDINGS                                                                                   \
    "standby, logical_slot, role_settings, acl_grantor, unlogged, extension_owner, disk, "         \
    "background_workers, session_roles, irreversible, owners, superuser_objects, subscription"
#define DAYS                                                                                       \
    "days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, lists (Mon,Wed), ranges (Mon-Fri) or daily"

static const struct {
    const char *text;
    const char *message; /* without the path in front of ":line:column" */
} mistakes[] = {
    /* Keys. */
    {"policy: p\nfense: {drain: 3s}\n",
     ":2:1: unknown key 'fense' in the policy; did you mean 'fence'?"},
    {"# a comment\n\npolicy: p\nfence:\n  drian: 3s\n",
     ":5:3: unknown key 'drian' in 'fence'; did you mean 'drain'?"},
    {"policy: p\ntimeouts: {connect: 1s, lock: 1s, statment: 1s}\n",
     ":2:35: unknown key 'statment' in 'timeouts'; did you mean 'statement'?"},
    {"policy: p\napprovals: {}\n",
     ":2:1: unknown key 'approvals' in the policy; the keys there are " KEYS_OF_POLICY},
    {"policy: p\nclone: {strategy: shadow}\n",
     ":2:9: unknown key 'strategy' in 'clone'; the keys there are method, free"},
    {"Policy: p\n", ":1:1: unknown key 'Policy' in the policy; did you mean 'policy'?"},
    {"policy: p\n<<: {drain: 3s}\n",
     ":2:1: unknown key '<<' in the policy; the keys there are " KEYS_OF_POLICY},
    {"policy: p\nfence.drain: 3s\n",
     ":2:1: unknown key 'fence.drain' in the policy; the keys there are " KEYS_OF_POLICY},
    {"policy: p\nstate: a\npolicy: q\n", ":3:1: 'policy' is given twice; the first is on line 1"},
    {"policy: p\nfence: {drain: 1s, drain: 2s}\n",
     ":2:20: 'fence.drain' is given twice; the first is on line 2"},
    {"policy: p\n? [a]\n: b\n", ":2:3: a key must be a word, not a list or mapping"},
    {"fence: {drain: 3s}\n", ":1:1: key 'policy' is missing; it names the policy"},

    /* A strategy and its fence. */
    {"policy: p\nfence: {how: none}\n", ":2:14: 'fence.how' cannot be none unless 'strategy' is "
                                        "in_place: users write all the time, so "
                                        "that no copy can take the database's place"},
    {"policy: p\nstrategy: in_place\nfence: {how: none}\nclone: {method: wal_log}\n",
     ":4:17: 'clone.method' is of no use with 'fence: {how: none}', which makes no clone"},
    {"policy: p\nstrategy: in_place\nfence: {how: none, drain: 3s}\n",
     ":3:27: 'fence.drain' is of no use with 'how: none': there is no fence"},
    {"policy: p\nfence: {how: all}\n",
     ":2:14: 'fence.how' cannot be 'all'; it is one of: name, none"},

    /* Shapes. */
    {"", ":1:1: the file is empty"},
    {"# nothing but this\n", ":1:1: the file is empty"},
    {"---\n", ":2:1: the policy is empty"},
    {"production\n", ":1:1: the policy must be a mapping, not text"},
    {"- policy: p\n", ":1:1: the policy must be a mapping, not a list"},
    {"policy: [p]\n", ":1:9: 'policy' must be text, not a list"},
    {"policy: p\nfence: 30s\n", ":2:8: 'fence' must be a mapping, not text"},
    {"policy: p\nfence: [drain]\n", ":2:8: 'fence' must be a mapping, not a list"},
    {"policy: p\nfence:\n", ":2:7: 'fence' is empty"},
    {"policy: p\nfence: {drain: {after: 3s}}\n",
     ":2:16: 'fence.drain' must be text, not a mapping"},
    {"policy: p\nstate: ~\n", ":2:8: 'state' is empty"},
    {"policy: p\nfence:\n  drain: null\n", ":3:10: 'fence.drain' is empty"},
    {"policy: \"\"\n", ":1:9: 'policy' is empty"},
    {"policy:\n", ":1:8: 'policy' is empty"},
    {"policy: p\naccept: standby\n", ":2:9: 'accept' must be a list, not text"},
    {"policy: p\naccept:\n- disk\n- [standby]\n",
     ":4:3: entry 2 of 'accept' must be text, not a list"},
    {"policy: p\npublish: {before: verify}\n",
     ":2:19: 'publish.before' cannot be 'verify'; it is one of: open, migrate, nothing"},
    {"policy: p\nencrypt: {recipients: [age1abc]}\n",
     ":2:24: entry 1 of 'encrypt.recipients' is no public key of age: it begins with age1"},
    {"policy: p\npublish: {to: [{a: b}]}\n",
     ":2:16: entry 1 of 'publish.to' must be text, not a mapping"},
    {"policy: p\nverify: {assertions: ['']}\n", ":2:23: entry 1 of 'verify.assertions' is empty"},

    /* YAML that is none, or more than a policy needs. */
    {"policy: p\n\tstate: a\n", ":2:1: the line begins with a tab; YAML is indented with spaces"},
    {"policy: p\nfence:\n\tdrain: 3s\n",
     ":3:1: the line begins with a tab; YAML is indented with spaces"},
    {"policy: p\nfence: {drain: 3s\n",
     ":3:1: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'"},
    {"policy: 'p\n",
     ":2:1: this is not YAML: while scanning a quoted scalar, found unexpected end of stream"},
    {"policy: p\n---\npolicy: q\n",
     ":2:1: a second document begins here; a policy is one document"},
    {"policy: &name p\n",
     ":1:9: anchors and aliases ('&name') are not accepted in a policy; write the value out"},
    {"policy: p\nstate: *name\n",
     ":2:8: anchors and aliases ('*name') are not accepted in a policy; write the value out"},
    {"policy: !name p\n", ":1:9: tags ('!name') are not accepted in a policy"},
    {"policy: |\n  p\n", ":1:9: a key or value must be on one line, without control characters"},
    {"policy: \"p\\0q\"\n", ":1:9: a key or value must be on one line, without control characters"},
    {"policy: \"p\\eq\"\n", ":1:9: a key or value must be on one line, without control characters"},
    {"policy: p\nstate: \xc3\xa9\xff\n", ":2:9: the file is not UTF-8 text"},
    {"policy: p\x01\n", ":1:10: this is not YAML: control characters are not allowed"},
    {"policy: p\naccept: [[[[[[[[[[]]]]]]]]]]\n",
     ":2:16: lists and mappings are nested too deeply"},

    /* Connection strings. */
    {"policy: p\nfence: {standbys: [standby1]}\n",
     ":2:20: entry 1 of 'fence.standbys' is no connection string: write it as \"host=... "
     "user=...\""},
    {"policy: p\nfence: {standbys: ['host=a', 'host=b password=x']}\n",
     ":2:30: entry 2 of 'fence.standbys' holds a password, which belongs into .pgpass or a service "
     "file"},
    {"policy: p\nfence: {standbys: [user=drydock]}\n",
     ":2:20: entry 1 of 'fence.standbys' names no server: write host=..., or service=..."},
    {"policy: p\nfence: {standbys: ['host=a', 'host=a']}\n",
     ":2:30: entry 2 of 'fence.standbys' is the same as entry 1"},

    /* Choices. */
    {"policy: p\nclone: {method: fast}\n",
     ":2:17: 'clone.method' cannot be 'fast'; it is one of: auto, file_copy, wal_log, none"},
    {"policy: p\nclone: {method: 1}\n",
     ":2:17: 'clone.method' cannot be '1'; it is one of: auto, file_copy, wal_log, none"},
    {"policy: p\nstrategy: inplace\n",
     ":2:11: 'strategy' cannot be 'inplace'; it is one of: shadow, in_place"},
    {"policy: p\nclone: {method: none}\n",
     ":2:17: 'clone.method' can be 'none' with \"strategy: in_place\" only: shadow migrates the "
     "clone"},
    {"policy: p\nverify:\n  data: none\n",
     ":3:9: 'verify.data' cannot be 'none'; it is one of: touched, all"},

    /* Durations and numbers. */
    {"policy: p\nfence: {drain: 5 sec}\n",
     ":2:16: 'fence.drain' is no duration: '5 sec'; write for example 250ms, 10s, 5min or 2h"},
    {"policy: p\nfence: {drain: -5s}\n",
     ":2:16: 'fence.drain' is no duration: '-5s'; write for example 250ms, 10s, 5min or 2h"},
    {"policy: p\nfence: {drain: 30}\n",
     ":2:16: 'fence.drain' is no duration: '30'; write for example 250ms, 10s, 5min or 2h"},
    {"policy: p\nfence: {drain: 2h}\n", ":2:16: 'fence.drain' must be from 0s to 1h, not 2h"},
    {"policy: p\ntimeouts:\n  lock: 0\n", ":3:9: 'timeouts.lock' must be from 10ms to 1h, not 0"},
    {"policy: p\ntimeouts:\n  statement: 0s\n",
     ":3:14: 'timeouts.statement' must be from 1s to 7d, not 0s"},
    {"policy: p\ntimeouts: {connect: 500ms}\n",
     ":2:21: 'timeouts.connect' must be from 1s to 10min, not 500ms"},
    {"policy: p\ntimeouts: {lock_attempts: 6x}\n",
     ":2:27: 'timeouts.lock_attempts' must be a number from 1 to 1000, not '6x'"},
    {"policy: p\ntimeouts: {end_applications: [a, b, a]}\n",
     ":2:37: entry 3 of 'timeouts.end_applications' is the same as entry 1"},
    {"policy: p\ntimeouts: {end_applications: [drydock run x]}\n",
     ":2:31: entry 1 of 'timeouts.end_applications' names sessions of drydock, which are never "
     "ended"},
    {"policy: p\ntimeouts: {lock_attempts: 0}\n",
     ":2:27: 'timeouts.lock_attempts' must be a number from 1 to 1000, not '0'"},
    {"policy: p\nsnapshot: {jobs: 129}\n",
     ":2:18: 'snapshot.jobs' must be auto or a number from 1 to 128, not '129'"},
    {"policy: p\nsnapshot: {jobs: 0}\n",
     ":2:18: 'snapshot.jobs' must be auto or a number from 1 to 128, not '0'"},
    {"policy: p\nsnapshot: {jobs: -1}\n",
     ":2:18: 'snapshot.jobs' must be auto or a number from 1 to 128, not '-1'"},
    {"policy: p\nsnapshot: {jobs: many}\n",
     ":2:18: 'snapshot.jobs' must be auto or a number from 1 to 128, not 'many'"},
    {"policy: p\nsnapshot: {level: 0}\n",
     ":2:19: 'snapshot.level' must be a number from 1 to 9, not '0'"},
    {"policy: p\nsnapshot: {split: much}\n",
     ":2:19: 'snapshot.split' is no size: 'much'; write for example 64MiB or 1GiB"},
    {"policy: p\nsnapshot: {split: 4kB}\n",
     ":2:19: 'snapshot.split' must be from 1MiB to 1TiB, not 4kB"},
    {"policy: p\nsnapshot: {format: binary}\n",
     ":2:20: 'snapshot.format' cannot be 'binary'; it is one of: auto, text"},
    {"policy: p\nsnapshot: {level: 10}\n",
     ":2:19: 'snapshot.level' must be a number from 1 to 9, not '10'"},
    {"policy: p\nsnapshot: {level: 99999999999999999999}\n",
     ":2:19: 'snapshot.level' must be a number from 1 to 9, not '99999999999999999999'"},

    /* Names, paths, URLs. */
    {"policy: my policy\n",
     ":1:9: 'policy' must be a name of at most 63 letters, digits, '.', '_' and '-'"},
    {"policy: ../p\n",
     ":1:9: 'policy' must be a name of at most 63 letters, digits, '.', '_' and '-'"},
    {"policy: p\nstate: ~/state\n",
     ":2:8: 'state' begins with '~', which only a shell understands; write the path out"},
    {"policy: p\ncontrol_database: template1\n",
     ":2:19: 'control_database' cannot be a template: a connection to 'template1' stops every "
     "CREATE DATABASE"},
    {"policy: p\nverify: {assertions: [facts]}\n",
     ":2:23: entry 1 of 'verify.assertions' must be a pattern of files that ends in .sql"},
    {"policy: p\nverify: {assertions: [/nowhere/*.sql]}\n",
     ":2:23: entry 1 of 'verify.assertions' matches no file: '/nowhere/*.sql'"},
    {"policy: p\npublish: {to: [/var/backups]}\n",
     ":2:16: entry 1 of 'publish.to' must be the URL of a store, for example "
     "file:///var/backups/drydock"},
    {"policy: p\npublish: {to: ['file:///a', 's3://key:secret@bucket/b']}\n",
     ":2:29: entry 2 of 'publish.to' must name a bucket as s3://BUCKET/PREFIX does: it has a "
     "user or a password in it"},
    {"policy: p\npublish: {to: ['file://backups']}\n",
     ":2:16: entry 1 of 'publish.to' must name a folder as file:///var/backups/drydock does: "
     "its path is not absolute, or it names another host"},
    {"policy: p\npublish:\n  to:\n  - file:///a\n  - file:///a\n",
     ":5:5: entry 2 of 'publish.to' is the same as entry 1"},
    {"policy: p\naccept: [standbys]\n",
     ":2:10: entry 1 of 'accept' is no finding that can be accepted: 'standbys'; did you mean "
     "'standby'?"},
    {"policy: p\naccept: [everything]\n", ":2:10: entry 1 of 'accept' is no finding that can be "
                                          "accepted: 'everything'; these can: " FINDINGS},

    /* Windows. */
    {"policy: p\nwindow: {schedule: Sun 02:00-04:00}\n",
     ":2:20: 'window.schedule' is wrong: 'Sun 02:00-04:00' has 2 of 3 parts; a schedule is 'DAYS "
     "HH:MM-HH:MM ZONE', for example 'Sun 02:00-04:00 America/Chicago'"},
    {"policy: p\nwindow: {schedule: Sonntag 02:00-04:00 UTC}\n",
     ":2:20: 'window.schedule' is wrong: 'Sonntag' is no day; " DAYS},
    {"policy: p\nwindow: {schedule: 'Mon,,Tue 02:00-04:00 UTC'}\n",
     ":2:20: 'window.schedule' is wrong: '' is no day; " DAYS},
    {"policy: p\nwindow: {schedule: Sun 2:00-04:00 UTC}\n",
     ":2:20: 'window.schedule' is wrong: '2:00-04:00' is no time of day; write HH:MM-HH:MM from "
     "00:00 to 24:00, an end before the start is on the next day"},
    {"policy: p\nwindow: {schedule: Sun 02:00-24:01 UTC}\n",
     ":2:20: 'window.schedule' is wrong: '02:00-24:01' is no time of day; write HH:MM-HH:MM from "
     "00:00 to 24:00, an end before the start is on the next day"},
    {"policy: p\nwindow: {schedule: Sun 02:00-02:00 UTC}\n",
     ":2:20: 'window.schedule' is wrong: '02:00-02:00' has no length; a whole day is 00:00-24:00"},
    {"policy: p\nwindow: {schedule: Sun 02:00-04:00 CST}\n",
     ":2:20: 'window.schedule' is wrong: 'CST' is no name of a time zone; write an IANA name such "
     "as America/Chicago, or UTC"},
    {"policy: p\nwindow: {schedule: 'Sun 02:00-04:00 -06:00'}\n",
     ":2:20: 'window.schedule' is wrong: '-06:00' is no name of a time zone; write an IANA name "
     "such as America/Chicago, or UTC"},
    {"policy: p\nwindow: {schedule: Sun 02:00-04:00 America/Chicagoo}\n",
     ":2:20: 'window.schedule' is wrong: time zone 'America/Chicagoo' is not in this host's time "
     "zone database; names are written like America/Chicago"},
    {"policy: p\nwindow: {schedule: Sun 02:00-04:00 America/Indiana}\n",
     ":2:20: 'window.schedule' is wrong: time zone 'America/Indiana' is not in this host's time "
     "zone database; names are written like America/Chicago"},
    {"policy: p\nwindow: {schedule: Sun 02:00-02:05 UTC}\n",
     ":2:20: 'window.schedule' is shorter than the margin (5min)"},
    {"policy: p\nwindow:\n  schedule: Sun 02:00-04:00 UTC\n  margin: 2h\n",
     ":4:11: 'window.margin' leaves nothing of the window"},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *path = write_file("p.yaml", mistakes[i].text, -1);
        g_autofree char *expected = g_strconcat(path, mistakes[i].message, NULL);
        g_autoptr(Policy) policy = policy_load(path, &error);
        g_unlink(path);
        if (policy != NULL || error == NULL) {
            fail_msg("this was accepted:\n%s", mistakes[i].text);
            return;
        }
        assert_string_equal(error->message, expected);
        assert_true(error_is(error, ERROR_CONFIG));
    }
}

static void test_findings_are_documented(void **state)
{
    (void)state;
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(SOURCE_DIR "/docs/policy.md", &text, NULL, NULL));
    for (const char *const *finding = policy_findings; *finding != NULL; finding++) {
        g_autofree char *quoted = g_strdup_printf("`%s`", *finding);
        if (strstr(text, quoted) == NULL)
            fail_msg("docs/policy.md says nothing about %s", *finding);
    }
}

static void refused(const char *path, const char *message)
{
    g_autoptr(GError) error = NULL;
    assert_null(policy_load(path, &error));
    assert_true(error_is(error, ERROR_CONFIG));
    assert_string_equal(error->message, message);
    assert_non_null(error_hint(error));
}

static void test_files(void **state)
{
    (void)state;
    g_autofree char *absent = g_build_filename(folder, "absent.yaml", NULL);
    g_autofree char *large = g_strnfill(1024 * 1024 + 1, '#');
    g_autofree char *path = NULL;
    g_autofree char *message =
        g_strdup_printf("cannot open '%s': No such file or directory", absent);
    refused(absent, message);

    g_free(message);
    message = g_strdup_printf("cannot read '%s': not a regular file", folder);
    refused(folder, message);

    path = write_file("large.yaml", large, -1);
    g_free(message);
    message = g_strdup_printf("cannot read '%s': larger than 1048576 bytes", path);
    refused(path, message);
    g_unlink(path);
}

/* A zero byte would end the text for one reader and not for the other. */
static void test_zero_byte(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = write_file("p.yaml", "policy: p\nstate: a\0b\n", 21);
    g_autofree char *expected = g_strdup_printf("%s:2:9: the file is not UTF-8 text", path);
    assert_null(policy_load(path, &error));
    g_unlink(path);
    assert_string_equal(error->message, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped),   cmocka_unit_test(test_production),
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_no_clone),  cmocka_unit_test(test_fence_none),
        cmocka_unit_test(test_jobs_auto), cmocka_unit_test(test_pattern_in_folder_name),
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_files),
        cmocka_unit_test(test_zero_byte), cmocka_unit_test(test_findings_are_documented),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
