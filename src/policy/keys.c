#include "policy/keys.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "pg/target.h"
#include "policy/window.h"
#include "store/store.h"
#include "stream/age.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <string.h>

#define NAME_LENGTH_MAX 63

/* A file while its keys get their meaning. */
typedef struct {
    const char *path;
    char *folder; /* absolute */
    const PolicyFile *keys;
    const OutlineNode *outline;
    Policy *policy;
} Load;

/* The value of a key that the file has. */
static const OutlineNode *find(const Load *load, const char *section, const char *key)
{
    const OutlineNode *node = load->outline;
    if (section != NULL)
        node = outline_key(node, section);
    return outline_key(node, key);
}

/* "file:line:column: 'name' <message>"; returns false for the caller to return. */
static bool refuse(const Load *load, const OutlineNode *node, GError **error, const char *format,
                   ...) G_GNUC_PRINTF(4, 5);
static bool refuse(const Load *load, const OutlineNode *node, GError **error, const char *format,
                   ...)
{
    g_autofree char *name = outline_name(node);
    g_autofree char *message = NULL;
    va_list args;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    error_set(error, ERROR_CONFIG, "%s:%d:%d: %s %s", load->path, node->line, node->column, name,
              message);
    return false;
}

/* What a message shows of a value. */
static char *shown(const char *text)
{
    g_autofree char *printable = text_printable(text);
    return text_shorten(printable, 60);
}

/* A duration within bounds that are given as an operator writes them. */
static bool read_duration(const Load *load, const char *section, const char *key, const char *text,
                          const char *least, const char *most, int64_t *out_ms, GError **error)
{
    const OutlineNode *node = NULL;
    g_autofree char *value = NULL;
    int64_t parsed_ms = 0;
    int64_t least_ms = 0;
    int64_t most_ms = 0;
    if (text == NULL)
        return true;
    node = find(load, section, key);
    value = shown(text);
    if (!clock_parse_duration(text, &parsed_ms))
        return refuse(load, node, error,
                      "is no duration: '%s'; write for example 250ms, 10s, 5min "
                      "or 2h",
                      value);
    if (!clock_parse_duration(least, &least_ms) || !clock_parse_duration(most, &most_ms))
        g_assert_not_reached();
    if (parsed_ms < least_ms || parsed_ms > most_ms)
        return refuse(load, node, error, "must be from %s to %s, not %s", least, most, value);
    *out_ms = parsed_ms;
    return true;
}

static bool read_number(const Load *load, const char *section, const char *key, const char *text,
                        int least, int most, const char *word, int *out, GError **error)
{
    gint64 number = 0;
    if (text == NULL)
        return true;
    if (!g_ascii_string_to_signed(text, 10, least, most, &number, NULL)) {
        g_autofree char *value = shown(text);
        return refuse(load, find(load, section, key), error,
                      "must be %sa number from %d to %d, not '%s'", word, least, most, value);
    }
    *out = (int)number;
    return true;
}

/* Policy names stand in file names, application names and reports. */
static bool read_name(const Load *load, GError **error)
{
    const char *name = load->keys->policy;
    bool good = strlen(name) <= NAME_LENGTH_MAX && g_ascii_isalnum(name[0]);
    for (const char *at = name; good && *at != '\0'; at++)
        good = g_ascii_isalnum(*at) || strchr("._-", *at) != NULL;
    if (!good)
        return refuse(load, find(load, NULL, "policy"), error,
                      "must be a name of at most %d letters, digits, '.', '_' and '-'",
                      NAME_LENGTH_MAX);
    load->policy->name = g_strdup(name);
    return true;
}

static bool read_control_database(const Load *load, GError **error)
{
    const char *name = load->keys->control_database;
    const OutlineNode *node = outline_key(load->outline, "control_database");
    if (name == NULL)
        return true;
    if (strlen(name) > NAME_LENGTH_MAX)
        return refuse(load, node, error, "is longer than the %d bytes of a database name",
                      NAME_LENGTH_MAX);
    if (strcmp(name, "template0") == 0 || strcmp(name, "template1") == 0)
        return refuse(load, node, error,
                      "cannot be a template: a connection to '%s' stops every CREATE DATABASE",
                      name);
    g_free(load->policy->control_database);
    load->policy->control_database = g_strdup(name);
    return true;
}

static bool read_folder(const Load *load, const char *key, const char *text, char **out,
                        GError **error)
{
    if (text == NULL)
        return true;
    if (text[0] == '~')
        return refuse(load, find(load, NULL, key), error,
                      "begins with '~', which only a shell understands; write the path out");
    g_free(*out);
    *out = g_canonicalize_filename(text, load->folder);
    return true;
}

static bool read_window(const Load *load, GError **error)
{
    const WindowKeys *keys = &load->keys->window;
    PolicyWindow *window = &load->policy->window;
    g_auto(Window) parsed = {0};
    g_autoptr(GError) cause = NULL;
    if (!read_duration(load, "window", "margin", keys->margin, "0s", "1d", &window->margin_ms,
                       error))
        return false;
    if (keys->schedule == NULL)
        return true;
    if (!window_parse(keys->schedule, &parsed, &cause)) {
        refuse(load, find(load, "window", "schedule"), error, "is wrong: %s", cause->message);
        if (error_hint(cause) != NULL)
            error_hint_set(error, "%s", error_hint(cause));
        return false;
    }
    if (window->margin_ms >= window_length_ms(&parsed)) {
        const bool given = keys->margin != NULL;
        return refuse(load, find(load, "window", given ? "margin" : "schedule"), error,
                      given ? "leaves nothing of the window" : "is shorter than the margin (5min)");
    }
    window->schedule = g_strdup(keys->schedule);
    return true;
}

static bool read_timeouts(const Load *load, GError **error)
{
    const TimeoutsKeys *keys = &load->keys->timeouts;
    Policy *policy = load->policy;
    /* For the server 0 is "no limit", and a limit is what a timeout is for: none of these may be 0.
     */
    return read_duration(load, "timeouts", "connect", keys->connect, "1s", "10min",
                         &policy->connect_timeout_ms, error) &&
           read_duration(load, "timeouts", "lock", keys->lock, "10ms", "1h",
                         &policy->lock_timeout_ms, error) &&
           read_number(load, "timeouts", "lock_attempts", keys->lock_attempts, 1, 1000, "",
                       &policy->lock_attempts, error) &&
           read_duration(load, "timeouts", "statement", keys->statement, "1s", "7d",
                         &policy->statement_timeout_ms, error) &&
           read_duration(load, "timeouts", "hook", keys->hook, "1s", "1h", &policy->hook_timeout_ms,
                         error) &&
           read_duration(load, "timeouts", "standby", keys->standby, "1s", "1h",
                         &policy->standby_timeout_ms, error);
}

/* What would be done at a fence. */
static bool check_fence_none(const Load *load, GError **error)
{
    static const char *const keys[] = {"drain", "before", "after", "standbys"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const OutlineNode *node = find(load, "fence", keys[i]);
        if (node != NULL)
            return refuse(load, node, error, "is of no use with 'how: none': there is no fence");
    }
    return true;
}

/* Without a fence users write all the time: no copy could take the database's place. */
static bool check_fence_how(const Load *load, GError **error)
{
    const PolicyFile *keys = load->keys;
    if (keys->fence.how == FENCE_NAME)
        return true;
    if (keys->strategy != STRATEGY_IN_PLACE)
        return refuse(load, find(load, "fence", "how"), error,
                      "cannot be none unless 'strategy' is in_place: users write all the time, so "
                      "that no copy can take the database's place");
    if (keys->clone.method != CLONE_AUTO && keys->clone.method != CLONE_NONE)
        return refuse(load, find(load, "clone", "method"), error,
                      "is of no use with 'fence: {how: none}', which makes no clone");
    return check_fence_none(load, error);
}

/* Whether the entry at index of a list was there before; an error if so. */
static bool check_new(const Load *load, const TextList *list, unsigned index,
                      const OutlineNode *node, GError **error)
{
    for (unsigned i = 0; i < index; i++)
        if (strcmp(list->entries[i], list->entries[index]) == 0)
            return refuse(load, node, error, "is the same as entry %u", i + 1);
    return true;
}

/* Applications are known by their exact name; ours are never ended. */
static bool read_end_applications(const Load *load, GError **error)
{
    const TextList *list = &load->keys->timeouts.end_applications;
    const OutlineNode *section = outline_key(load->outline, "timeouts");
    const OutlineNode *node = section != NULL ? outline_key(section, "end_applications") : NULL;
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    bool good = true;
    for (unsigned i = 0; good && i < list->count; i++) {
        const OutlineNode *entry = outline_entry(node, i);
        const char *name = list->entries[i];
        good = check_new(load, list, i, entry, error);
        if (good && strlen(name) > NAME_LENGTH_MAX)
            good = refuse(load, entry, error, "is longer than the %d bytes of an application name",
                          NAME_LENGTH_MAX);
        else if (good && g_str_has_prefix(name, "drydock "))
            good = refuse(load, entry, error, "names sessions of drydock, which are never ended");
        g_strv_builder_add(names, name);
    }
    g_strfreev(load->policy->end_applications);
    load->policy->end_applications = g_strv_builder_end(names);
    return good;
}

/* A connection string may hold a password, so that no message shows it. */
static bool check_standbys(const Load *load, const TextList *list, GError **error)
{
    for (unsigned i = 0; i < list->count; i++) {
        const OutlineNode *entry = outline_entry(find(load, "fence", "standbys"), i);
        const char *problem = pg_target_problem(list->entries[i]);
        if (!check_new(load, list, i, entry, error))
            return false;
        if (problem != NULL)
            return refuse(load, entry, error, "%s", problem);
    }
    return true;
}

static void take_list(const TextList *list, char ***out)
{
    g_autoptr(GStrvBuilder) texts = g_strv_builder_new();
    for (unsigned i = 0; i < list->count; i++)
        g_strv_builder_add(texts, list->entries[i]);
    g_strfreev(*out);
    *out = g_strv_builder_end(texts);
}

static bool read_fence(const Load *load, GError **error)
{
    const FenceKeys *keys = &load->keys->fence;
    Policy *policy = load->policy;
    take_list(&keys->before, &policy->fence_before);
    take_list(&keys->after, &policy->fence_after);
    take_list(&keys->standbys, &policy->fence_standbys);
    return check_standbys(load, &keys->standbys, error) &&
           read_duration(load, "fence", "drain", keys->drain, "0s", "1h", &policy->fence_drain_ms,
                         error);
}

static bool read_split(const Load *load, const char *text, GError **error)
{
    uint64_t size_bytes = 0;
    g_autofree char *value = text != NULL ? shown(text) : NULL;
    if (text == NULL)
        return true;
    if (!size_parse(text, &size_bytes))
        return refuse(load, find(load, "snapshot", "split"), error,
                      "is no size: '%s'; write for example 64MiB or 1GiB", value);
    if (size_bytes < POLICY_SPLIT_MIN || size_bytes > POLICY_SPLIT_MAX)
        return refuse(load, find(load, "snapshot", "split"), error,
                      "must be from 1MiB to 1TiB, not %s", value);
    load->policy->snapshot_split_bytes = size_bytes;
    return true;
}

static bool read_snapshot(const Load *load, GError **error)
{
    const SnapshotKeys *keys = &load->keys->snapshot;
    load->policy->snapshot_text = keys->format == SNAPSHOT_FORMAT_TEXT;
    const char *jobs = keys->jobs != NULL && strcmp(keys->jobs, "auto") != 0 ? keys->jobs : NULL;
    return read_number(load, "snapshot", "jobs", jobs, 1, POLICY_JOBS_MAX, "auto or ",
                       &load->policy->snapshot_jobs, error) &&
           read_number(load, "snapshot", "level", keys->level, 1, 9, "",
                       &load->policy->snapshot_level, error) &&
           read_split(load, keys->split, error);
}

/* The pattern below the policy's folder, whose own name is no pattern. */
static char *absolute_pattern(const Load *load, const char *pattern)
{
    GString *absolute = g_string_new(NULL);
    if (g_path_is_absolute(pattern)) {
        g_string_assign(absolute, pattern);
        return g_string_free(absolute, FALSE);
    }
    for (const char *at = load->folder; *at != '\0'; at++) {
        if (strchr("*?[\\", *at) != NULL)
            g_string_append_c(absolute, '\\');
        g_string_append_c(absolute, *at);
    }
    if (absolute->str[absolute->len - 1] != '/')
        g_string_append_c(absolute, '/');
    g_string_append(absolute, pattern);
    return g_string_free(absolute, FALSE);
}

/* What is not there does not match; a folder that cannot be read might hold assertions. */
static int unreadable(const char *path, int number)
{
    (void)path;
    return number != ENOENT && number != ENOTDIR;
}

/* An assertion that is never run looks like one that holds, so a pattern must match something. */
static bool check_pattern(const Load *load, const char *pattern, const OutlineNode *node,
                          GError **error)
{
    glob_t matches = {0};
    int result = 0;
    if (!g_str_has_suffix(pattern, ".sql"))
        return refuse(load, node, error, "must be a pattern of files that ends in .sql");
    result = glob(pattern, 0, unreadable, &matches);
    globfree(&matches);
    if (result == GLOB_NOMATCH)
        return refuse(load, node, error, "matches no file: '%s'", pattern);
    if (result != 0)
        return refuse(load, node, error, "cannot be looked up, a folder is not readable: '%s'",
                      pattern);
    return true;
}

static bool read_verify(const Load *load, GError **error)
{
    const TextList *list = &load->keys->verify.assertions;
    const OutlineNode *section = outline_key(load->outline, "verify");
    const OutlineNode *node = section != NULL ? outline_key(section, "assertions") : NULL;
    g_autoptr(GPtrArray) patterns = g_ptr_array_new_with_free_func(g_free);
    load->policy->verify_all = load->keys->verify.data == VERIFY_ALL;
    for (unsigned i = 0; i < list->count; i++) {
        const OutlineNode *entry = outline_entry(node, i);
        char *pattern = absolute_pattern(load, list->entries[i]);
        g_ptr_array_add(patterns, pattern);
        if (!check_new(load, list, i, entry, error) || !check_pattern(load, pattern, entry, error))
            return false;
    }
    g_ptr_array_add(patterns, NULL);
    g_strfreev(load->policy->verify_assertions);
    load->policy->verify_assertions = (char **)g_ptr_array_steal(patterns, NULL);
    return true;
}

/* A URL may hold a password, so that no message shows more of it than the scheme. */
static bool check_url(const Load *load, const char *url, const OutlineNode *node, GError **error)
{
    g_autoptr(GError) cause = NULL;
    return store_check_url(url, &cause) || refuse(load, node, error, "%s", cause->message);
}

static bool read_publish(const Load *load, GError **error)
{
    const TextList *list = &load->keys->publish.to;
    const OutlineNode *section = outline_key(load->outline, "publish");
    const OutlineNode *node = section != NULL ? outline_key(section, "to") : NULL;
    g_autoptr(GStrvBuilder) urls = g_strv_builder_new();
    bool good = true;
    for (unsigned i = 0; good && i < list->count; i++) {
        const OutlineNode *entry = outline_entry(node, i);
        good = check_new(load, list, i, entry, error) &&
               check_url(load, list->entries[i], entry, error);
        g_strv_builder_add(urls, list->entries[i]);
    }
    g_strfreev(load->policy->publish_to);
    load->policy->publish_to = g_strv_builder_end(urls);
    return good;
}

static bool read_encrypt(const Load *load, GError **error)
{
    const TextList *list = &load->keys->encrypt.recipients;
    const OutlineNode *section = outline_key(load->outline, "encrypt");
    const OutlineNode *node = section != NULL ? outline_key(section, "recipients") : NULL;
    g_autoptr(GStrvBuilder) recipients = g_strv_builder_new();
    bool good = true;
    for (unsigned i = 0; good && i < list->count; i++) {
        const OutlineNode *entry = outline_entry(node, i);
        AgeKey key;
        good = check_new(load, list, i, entry, error) &&
               (age_recipient_parse(list->entries[i], &key, NULL) ||
                refuse(load, entry, error, "is no public key of age: it begins with age1"));
        g_strv_builder_add(recipients, list->entries[i]);
    }
    g_strfreev(load->policy->encrypt_recipients);
    load->policy->encrypt_recipients = g_strv_builder_end(recipients);
    return good;
}

static bool check_finding(const Load *load, const char *name, const OutlineNode *node,
                          GError **error)
{
    const char *nearest = text_nearest(name, policy_findings);
    g_autofree char *all = g_strjoinv(", ", (char **)policy_findings);
    g_autofree char *value = shown(name);
    if (g_strv_contains(policy_findings, name))
        return true;
    return refuse(load, node, error, "is no finding that can be accepted: '%s'; %s%s%s", value,
                  nearest != NULL ? "did you mean '" : "these can: ",
                  nearest != NULL ? nearest : all, nearest != NULL ? "'?" : "");
}

static bool read_accept(const Load *load, GError **error)
{
    const TextList *list = &load->keys->accept;
    const OutlineNode *node = outline_key(load->outline, "accept");
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    bool good = true;
    for (unsigned i = 0; good && i < list->count; i++) {
        const OutlineNode *entry = outline_entry(node, i);
        good = check_new(load, list, i, entry, error) &&
               check_finding(load, list->entries[i], entry, error);
        g_strv_builder_add(names, list->entries[i]);
    }
    g_strfreev(load->policy->accept);
    load->policy->accept = g_strv_builder_end(names);
    return good;
}

static bool read_strategy(const Load *load, GError **error)
{
    load->policy->strategy = load->keys->strategy;
    load->policy->fence_how = load->keys->fence.how;
    load->policy->clone_method = load->keys->clone.method;
    load->policy->clone_free = g_strdup(load->keys->clone.free);
    if (load->policy->clone_method == CLONE_NONE && load->policy->strategy != STRATEGY_IN_PLACE)
        return refuse(load, find(load, "clone", "method"), error,
                      "can be 'none' with \"strategy: in_place\" only: shadow migrates the clone");
    return check_fence_how(load, error);
}

bool policy_keys_read(Policy *policy, const PolicyFile *file, const OutlineNode *outline,
                      GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(policy->path, NULL);
    g_autofree char *folder = g_path_get_dirname(absolute);
    const Load state = {
        .path = policy->path, .folder = folder, .keys = file, .outline = outline, .policy = policy};
    const Load *load = &state;
    load->policy->on_crash = load->keys->on_crash;
    load->policy->publish_before = load->keys->publish.before;
    return read_name(load, error) &&
           read_folder(load, "migrations", load->keys->migrations, &load->policy->migrations,
                       error) &&
           read_folder(load, "state", load->keys->state, &load->policy->state, error) &&
           read_control_database(load, error) && read_strategy(load, error) &&
           read_window(load, error) && read_fence(load, error) && read_timeouts(load, error) &&
           read_end_applications(load, error) && read_snapshot(load, error) &&
           read_verify(load, error) && read_publish(load, error) && read_encrypt(load, error) &&
           read_accept(load, error);
}
