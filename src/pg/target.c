#include "pg/target_private.h"

#include "base/error.h"
#include "pg/pins.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

struct PgTarget {
    GHashTable *options; /* keyword -> value, only those that are set */
    char *place;
};

/* libpq fills in what a database name that is itself a conninfo string holds, the environment and
 * the service file; PQconndefaults alone does not know the string. */
static void take_options(PgTarget *target, const PQconninfoOption *options)
{
    for (; options->keyword != NULL; options++) {
        if (options->val != NULL && options->val[0] != '\0')
            g_hash_table_replace(target->options, g_strdup(options->keyword),
                                 g_strdup(options->val));
    }
}

static const char *option(const PgTarget *target, const char *keyword)
{
    return g_hash_table_lookup(target->options, keyword);
}

/* The effective options: those of the string over those of its service over the defaults. libpq
 * resolves a service only when it connects, or in PQconndefaults from PGSERVICE; so that is used to
 * look one up. */
static bool take_defaults(PgTarget *target, const char *service, GError **error)
{
    g_autofree char *saved = g_strdup(g_getenv("PGSERVICE"));
    PQconninfoOption *defaults = NULL;
    if (service != NULL)
        g_setenv("PGSERVICE", service, TRUE);
    defaults = PQconndefaults();
    if (service != NULL && saved != NULL)
        g_setenv("PGSERVICE", saved, TRUE);
    else if (service != NULL)
        g_unsetenv("PGSERVICE");
    if (defaults == NULL) {
        error_set(error, ERROR_CONFIG,
                  "cannot determine how to connect: a service file or a "
                  "PG* variable is wrong");
        return false;
    }
    take_options(target, defaults);
    PQconninfoFree(defaults);
    return true;
}

static const char *service_of(const PQconninfoOption *given)
{
    for (; given != NULL && given->keyword != NULL; given++) {
        if (strcmp(given->keyword, "service") == 0)
            return given->val;
    }
    return NULL;
}

static void fill_in(PgTarget *target)
{
    const char *host = option(target, "host");
    const char *port = option(target, "port");
    if (option(target, "user") == NULL)
        g_hash_table_replace(target->options, g_strdup("user"), g_strdup(g_get_user_name()));
    if (option(target, "dbname") == NULL)
        g_hash_table_replace(target->options, g_strdup("dbname"), g_strdup(option(target, "user")));
    if (host == NULL)
        host = option(target, "hostaddr");
    target->place = g_strdup_printf("%s:%s", host != NULL ? host : "local socket",
                                    port != NULL ? port : "5432");
}

PgTarget *pg_target_new(const char *dsn, GError **error)
{
    g_autoptr(PgTarget) target = g_new0(PgTarget, 1);
    PQconninfoOption *given = NULL;
    char *message = NULL;
    bool done = false;
    target->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (dsn != NULL && strchr(dsn, '=') == NULL && strstr(dsn, "://") == NULL) {
        /* As in psql: a bare word is the name of a database. */
        done = take_defaults(target, NULL, error);
        g_hash_table_replace(target->options, g_strdup("dbname"), g_strdup(dsn));
    } else {
        given = PQconninfoParse(dsn != NULL ? dsn : "", &message);
        if (given == NULL) {
            error_set(error, ERROR_CONFIG, "cannot parse the connection string given with --dsn");
            error_hint_set(error, "write it as \"host=... dbname=...\" or postgresql://host/name");
        } else {
            done = take_defaults(target, service_of(given), error);
            take_options(target, given);
        }
        PQfreemem(message);
        PQconninfoFree(given);
    }
    if (!done)
        return NULL;
    fill_in(target);
    return g_steal_pointer(&target);
}

const char *pg_target_problem(const char *conninfo)
{
    const char *problem = "names no server: write host=..., or service=...";
    PQconninfoOption *given = PQconninfoParse(conninfo, NULL);
    if (given == NULL)
        return "is no connection string: write it as \"host=... user=...\"";
    for (const PQconninfoOption *each = given; each->keyword != NULL; each++) {
        if (each->val == NULL || each->val[0] == '\0')
            continue;
        if (strcmp(each->keyword, "password") == 0 || strcmp(each->keyword, "sslpassword") == 0) {
            problem = "holds a password, which belongs into .pgpass or a service file";
            break;
        }
        if (strcmp(each->keyword, "host") == 0 || strcmp(each->keyword, "hostaddr") == 0 ||
            strcmp(each->keyword, "service") == 0)
            problem = NULL;
    }
    PQconninfoFree(given);
    return problem;
}

void pg_target_free(PgTarget *target)
{
    if (target == NULL)
        return;
    g_hash_table_destroy(target->options);
    g_free(target->place);
    g_free(target);
}

const char *pg_target_database(const PgTarget *target)
{
    return option(target, "dbname");
}

const char *pg_target_user(const PgTarget *target)
{
    return option(target, "user");
}

const char *pg_target_place(const PgTarget *target)
{
    return target->place;
}

const char *pg_target_options(const PgTarget *target)
{
    return option(target, "options");
}

void pg_target_parameters(const PgTarget *target, GPtrArray *keywords, GPtrArray *values)
{
    GHashTableIter iter;
    gpointer keyword = NULL, value = NULL;
    g_hash_table_iter_init(&iter, target->options);
    while (g_hash_table_iter_next(&iter, &keyword, &value)) {
        /* The options of a service are resolved already. */
        if (strcmp(keyword, "service") != 0) {
            g_ptr_array_add(keywords, keyword);
            g_ptr_array_add(values, value);
        }
    }
}

/* A password file of one line that matches every connection. */
static char *write_passfile(const char *folder, const char *password, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "passfile-XXXXXX", NULL);
    GString *line = g_string_new("*:*:*:*:");
    const int fd = g_mkstemp_full(path, O_WRONLY | O_CLOEXEC, 0600);
    bool done = fd >= 0;
    for (const char *at = password; *at != '\0'; at++) {
        if (*at == ':' || *at == '\\')
            g_string_append_c(line, '\\');
        g_string_append_c(line, *at);
    }
    g_string_append_c(line, '\n');
    done = done && write(fd, line->str, line->len) == (ssize_t)line->len;
    if (!done)
        error_set(error, ERROR_IO, "cannot write a password file in '%s'", folder);
    if (fd >= 0)
        close(fd);
    g_string_free(line, TRUE);
    return done ? g_steal_pointer(&path) : NULL;
}

char **pg_target_environment(const PgTarget *target, const char *database, const char *application,
                             int server_version_num, const char *folder, char **passfile,
                             GError **error)
{
    static const struct {
        const char *keyword, *variable;
    } passed[] = {
        {"host", "PGHOST"},
        {"hostaddr", "PGHOSTADDR"},
        {"port", "PGPORT"},
        {"user", "PGUSER"},
        {"sslmode", "PGSSLMODE"},
        {"sslcert", "PGSSLCERT"},
        {"sslkey", "PGSSLKEY"},
        {"sslrootcert", "PGSSLROOTCERT"},
        {"sslcrl", "PGSSLCRL"},
        {"krbsrvname", "PGKRBSRVNAME"},
        {"passfile", "PGPASSFILE"},
        {"channel_binding", "PGCHANNELBINDING"},
        {"gssencmode", "PGGSSENCMODE"},
        {"target_session_attrs", "PGTARGETSESSIONATTRS"},
    };
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    const char *password = option(target, "password");
    g_autofree char *options = pins_options(option(target, "options"), server_version_num);
    *passfile = NULL;
    if (password != NULL) {
        *passfile = write_passfile(folder, password, error);
        if (*passfile == NULL)
            return NULL;
        g_ptr_array_add(list, g_strdup_printf("PGPASSFILE=%s", *passfile));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(passed); i++) {
        const char *value = option(target, passed[i].keyword);
        if (value != NULL && !(password != NULL && strcmp(passed[i].keyword, "passfile") == 0))
            g_ptr_array_add(list, g_strdup_printf("%s=%s", passed[i].variable, value));
    }
    g_ptr_array_add(list, g_strdup_printf("PGOPTIONS=%s", options));
    g_ptr_array_add(list, g_strdup_printf("PGDATABASE=%s", database));
    g_ptr_array_add(list, g_strdup_printf("PGAPPNAME=%s", application));
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_steal(list, NULL);
}
