#include "pg/pins.h"

static const struct {
    const char *name, *value;
    int since; /* server version */
} pins[] = {
    {"client_min_messages", "warning", 0},
    {"TimeZone", "UTC", 0},
    {"DateStyle", "ISO, MDY", 0},
    {"IntervalStyle", "postgres", 0},
    {"standard_conforming_strings", "on", 0},
    /* Off, a NULL in an array that is loaded becomes the word. */
    {"array_nulls", "on", 0},
    {"statement_timeout", "0", 0},
    {"lock_timeout", "0", 0},
    {"idle_in_transaction_session_timeout", "0", 0},
    {"idle_session_timeout", "0", 140000},
    {"client_connection_check_interval", "2s", 140000},
    {"transaction_timeout", "0", 170000},
    {"synchronous_commit", "on", 0},
    {"default_transaction_isolation", "read committed", 0},
    {"default_transaction_deferrable", "off", 0},
};

/* Until the minor versions of February 2025 a closed database shut out the parallel workers of a
 * session that was in it, whose statement failed then. Newer majors are mended from the first. */
static bool shuts_parallel_workers_out(int server_version_num)
{
    static const int mended[] = {140016, 150011, 160007, 170003};
    for (size_t i = 0; i < G_N_ELEMENTS(mended); i++) {
        if (server_version_num / 10000 == mended[i] / 10000)
            return server_version_num < mended[i];
    }
    return server_version_num < mended[0];
}

char *pins_sql(int server_version_num, bool read_only)
{
    GString *sql = g_string_new(NULL);
    g_string_append_printf(sql, "pg_catalog.set_config('%s', '%s', false)",
                           "default_transaction_read_only", read_only ? "on" : "off");
    for (size_t i = 0; i < G_N_ELEMENTS(pins); i++) {
        if (server_version_num >= pins[i].since)
            g_string_append_printf(sql, ", pg_catalog.set_config('%s', '%s', false)", pins[i].name,
                                   pins[i].value);
    }
    /* Programs that we start need no closed database. */
    if (shuts_parallel_workers_out(server_version_num))
        g_string_append(sql, ", pg_catalog.set_config('max_parallel_workers', '0', false)");
    return g_string_free(sql, FALSE);
}

/* Words are separated by blanks; a backslash makes one a part of its word. */
static void append_word(GString *out, const char *word)
{
    for (; *word != '\0'; word++) {
        if (*word == ' ' || *word == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *word);
    }
}

char *pins_options(const char *options, int server_version_num)
{
    GString *out = g_string_new(options);
    g_string_append_printf(out, "%s-c default_transaction_read_only=off", out->len > 0 ? " " : "");
    for (size_t i = 0; i < G_N_ELEMENTS(pins); i++) {
        if (server_version_num < pins[i].since)
            continue;
        g_string_append_printf(out, " -c %s=", pins[i].name);
        append_word(out, pins[i].value);
    }
    return g_string_free(out, FALSE);
}
