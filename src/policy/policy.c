#include "policy/policy.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "policy/keys.h"
#include "policy/outline.h"
#include "policy/schema.h"
#include "policy/window.h"
#include <string.h>

#define FILE_SIZE_MAX ((size_t)1024 * 1024)
#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)

const char *const policy_findings[] = {
    "standby",       "logical_slot",
    "role_settings", "acl_grantor",
    "unlogged",      "extension_owner",
    "disk",          "background_workers",
    "session_roles", "irreversible",
    "owners",        "superuser_objects",
    "subscription",  NULL,
};

static const char *const on_crash_names[] = {
    [ON_CRASH_RESTORE] = "restore", [ON_CRASH_CONTINUE] = "continue", [ON_CRASH_ASK] = "ask"};

const char *policy_on_crash_name(OnCrash on_crash)
{
    return on_crash_names[on_crash];
}

bool policy_on_crash_parse(const char *word, OnCrash *on_crash)
{
    for (size_t i = 0; i < G_N_ELEMENTS(on_crash_names); i++) {
        if (strcmp(on_crash_names[i], word) == 0) {
            *on_crash = (OnCrash)i;
            return true;
        }
    }
    return false;
}

Policy *policy_load(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    size_t size_bytes = 0;
    g_autoptr(OutlineNode) outline = NULL;
    g_autoptr(PolicyFile) keys = NULL;
    g_autoptr(Policy) policy = policy_new_default();

    if (!file_read(path, FILE_SIZE_MAX, &text, &size_bytes, error)) {
        error_recode(error, ERROR_CONFIG);
        error_hint_set(error, "--policy takes a YAML file, for example policies/production.yaml");
        return NULL;
    }
    outline = outline_parse(text, size_bytes, path, error);
    if (outline == NULL)
        return NULL;
    keys = policy_file_load(text, size_bytes, outline, path, error);
    if (keys == NULL)
        return NULL;

    policy->path = g_strdup(path);
    g_clear_pointer(&policy->name, g_free);
    return policy_keys_read(policy, keys, outline, error) ? g_steal_pointer(&policy) : NULL;
}

Policy *policy_new_default(void)
{
    Policy *policy = g_new0(Policy, 1);
    policy->name = g_strdup("development");
    policy->migrations = g_canonicalize_filename("migrations", NULL);
    policy->control_database = g_strdup("postgres");
    policy->window.margin_ms = 5 * MINUTE_MS;
    policy->fence_drain_ms = 30 * SECOND_MS;
    policy->connect_timeout_ms = 10 * SECOND_MS;
    policy->lock_timeout_ms = 5 * SECOND_MS;
    policy->lock_attempts = 6;
    policy->statement_timeout_ms = 15 * MINUTE_MS;
    policy->hook_timeout_ms = MINUTE_MS;
    policy->standby_timeout_ms = 30 * SECOND_MS;
    policy->fence_before = g_new0(char *, 1);
    policy->fence_after = g_new0(char *, 1);
    policy->fence_standbys = g_new0(char *, 1);
    policy->end_applications = g_new0(char *, 1);
    policy->clone_method = CLONE_AUTO;
    policy->snapshot_level = 1;
    policy->snapshot_split_bytes = UINT64_C(256) << 20;
    policy->verify_assertions = g_new0(char *, 1);
    policy->publish_to = g_new0(char *, 1);
    policy->encrypt_recipients = g_new0(char *, 1);
    policy->accept = g_new0(char *, 1);
    return policy;
}

void policy_free(Policy *policy)
{
    if (policy == NULL)
        return;
    g_free(policy->path);
    g_free(policy->name);
    g_free(policy->migrations);
    g_free(policy->state);
    g_free(policy->control_database);
    g_free(policy->window.schedule);
    g_free(policy->clone_free);
    g_strfreev(policy->fence_before);
    g_strfreev(policy->fence_after);
    g_strfreev(policy->fence_standbys);
    g_strfreev(policy->end_applications);
    g_strfreev(policy->verify_assertions);
    g_strfreev(policy->publish_to);
    g_strfreev(policy->encrypt_recipients);
    g_strfreev(policy->accept);
    g_free(policy);
}

int policy_jobs(const Policy *policy)
{
    return policy->snapshot_jobs > 0 ? policy->snapshot_jobs
                                     : CLAMP((int)g_get_num_processors(), 1, POLICY_JOBS_MAX);
}

bool policy_accepts(const Policy *policy, const char *finding)
{
    return g_strv_contains((const char *const *)policy->accept, finding);
}

bool policy_window_end(const Policy *policy, int64_t now_us, int64_t *end_us, GError **error)
{
    g_auto(Window) window = {0};
    g_autofree char *local = NULL;
    g_autofree char *utc = NULL;
    int64_t next_us = 0;
    *end_us = 0;
    if (policy->window.schedule == NULL)
        return true;
    if (!window_parse(policy->window.schedule, &window, error))
        return false;
    if (window_find(&window, now_us, end_us, &next_us))
        return true;
    local = window_format(&window, next_us);
    utc = clock_format_utc(next_us);
    error_set(error, ERROR_TOO_LATE, "outside the window '%s'; the next one starts at %s (%s)",
              policy->window.schedule, local, utc);
    error_hint_set(error, "start it inside the window, or give this run another end with "
                          "--window-end TIME");
    return false;
}
