/* Credentials of a profile in the shared files. */
#include "base/child.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "store/aws_profile.h"
#include "store/credentials_private.h"
#include <string.h>

#define PROCESS_TIMEOUT_MS 60000

static const char *required(const json_t *object, const char *key)
{
    const char *text = json_get_text(object, key);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

bool credentials_parse(const char *text, size_t size_bytes, const char *token, const char *what,
                       Credentials **found, GError **error)
{
    /* The parser's own message might quote what stands there. */
    g_autoptr(json_t) object = json_parse(text, size_bytes, what, NULL);
    const char *key = required(object, "AccessKeyId");
    const char *secret = required(object, "SecretAccessKey");
    const char *expiration = required(object, "Expiration");
    int64_t expires_us = 0;
    if (key == NULL || secret == NULL ||
        (expiration != NULL && !clock_parse_time(expiration, clock_wall_us(), &expires_us, NULL))) {
        error_set(error, ERROR_CONFIG, "%s gave no credentials", what);
        return false;
    }
    *found = credentials_new(key, secret, required(object, token), expires_us);
    return true;
}

/* All of the environment that is not PostgreSQL's or ours: such a program needs its own settings,
 * proxies and sockets. */
static char **process_environment(void)
{
    static const char *const withheld[] = {"PG", "DRYDOCK_", "PATH=", "HOME=", "TZ=", "LC_ALL="};
    g_auto(GStrv) all = g_get_environ();
    g_autoptr(GStrvBuilder) kept = g_strv_builder_new();
    for (char **each = all; *each != NULL; each++) {
        bool keep = true;
        for (size_t i = 0; i < G_N_ELEMENTS(withheld); i++)
            keep = keep && !g_str_has_prefix(*each, withheld[i]);
        if (keep)
            g_strv_builder_add(kept, *each);
    }
    return g_strv_builder_end(kept);
}

static bool run_process(char **argv, const char *what, Credentials **found, GError **error)
{
    g_auto(GStrv) environment = process_environment();
    g_autoptr(Child) child =
        child_start((const char *const *)argv, (const char *const *)environment, error);
    bool ended = false;
    if (child == NULL || !child_wait(child, PROCESS_TIMEOUT_MS, &ended, error))
        return false;
    if (!ended || !child_check(child, NULL)) {
        /* Its words may hold anything. */
        error_set(error, ERROR_CONFIG, "%s %s", what,
                  ended ? "has failed" : "has not ended in a minute");
        error_hint_set(error, "run it by hand to see what it says");
        return false;
    }
    return credentials_parse(child_output(child), strlen(child_output(child)), "SessionToken", what,
                             found, error);
}

static bool from_process(const char *command, const char *profile, Credentials **found,
                         GError **error)
{
    g_autofree char *what = g_strdup_printf("the credential_process of profile '%s'", profile);
    g_auto(GStrv) argv = NULL;
    char *path = NULL;
    if (!g_shell_parse_argv(command, NULL, &argv, NULL)) {
        error_set(error, ERROR_CONFIG, "%s is no command line", what);
        return false;
    }
    path = g_find_program_in_path(argv[0]);
    if (path == NULL) {
        error_set(error, ERROR_CONFIG, "%s is not there or cannot be executed", what);
        return false;
    }
    g_free(argv[0]);
    argv[0] = path;
    return run_process(argv, what, found, error);
}

static bool unsupported(const char *profile, const char *key, GError **error)
{
    error_set(error, ERROR_CONFIG, "profile '%s' has %s, which is not supported directly", profile,
              key);
    error_hint_set(error,
                   "let another tool do it, by a profile with: credential_process = aws configure "
                   "export-credentials --profile %s --format process",
                   profile);
    return false;
}

static bool from_profile(const CredentialsSettings *settings, const AwsProfiles *profiles,
                         const char *profile, Credentials **found, GError **error)
{
    const char *role = aws_profile_get(profiles, profile, "role_arn");
    const char *token_file = aws_profile_get(profiles, profile, "web_identity_token_file");
    const char *key = aws_profile_get(profiles, profile, "aws_access_key_id");
    const char *secret = aws_profile_get(profiles, profile, "aws_secret_access_key");
    const char *command = aws_profile_get(profiles, profile, "credential_process");
    if (role != NULL && token_file != NULL)
        return credentials_exchange(settings, token_file, role,
                                    aws_profile_get(profiles, profile, "role_session_name"), found,
                                    error);
    if (role != NULL)
        return unsupported(profile, "a role_arn without web_identity_token_file", error);
    if (key != NULL && secret != NULL) {
        *found = credentials_new(key, secret,
                                 aws_profile_get(profiles, profile, "aws_session_token"), 0);
        return true;
    }
    if (key != NULL || secret != NULL) {
        error_set(error, ERROR_CONFIG,
                  "profile '%s' has one of aws_access_key_id and aws_secret_access_key alone",
                  profile);
        return false;
    }
    if (command != NULL)
        return from_process(command, profile, found, error);
    if (aws_profile_get(profiles, profile, "sso_session") != NULL ||
        aws_profile_get(profiles, profile, "sso_start_url") != NULL)
        return unsupported(profile, "single sign-on", error);
    return true;
}

bool credentials_from_files(const CredentialsSettings *settings, Credentials **found,
                            GError **error)
{
    g_autoptr(AwsProfiles) profiles = aws_profiles_load(error);
    const char *chosen =
        settings->profile != NULL ? settings->profile : credentials_variable("AWS_PROFILE");
    const char *profile = chosen != NULL ? chosen : aws_profile_default();
    if (profiles == NULL)
        return false;
    if (chosen != NULL && !aws_profiles_have(profiles, chosen)) {
        error_set(error, ERROR_CONFIG, "there is no profile '%s'", chosen);
        error_hint_set(error, "it belongs into ~/.aws/config or ~/.aws/credentials");
        return false;
    }
    return from_profile(settings, profiles, profile, found, error);
}
