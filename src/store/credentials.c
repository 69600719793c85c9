#include "store/credentials.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "store/credentials_private.h"
#include <string.h>

/* Renewed this long before they end; if that fails, they are used to the end. */
#define RENEW_BEFORE_US ((int64_t)5 * 60 * G_USEC_PER_SEC)

struct CredentialsChain {
    CredentialsSettings settings;
    GMutex mutex;
    Credentials *current;
};

static void credentials_clear(gpointer data)
{
    Credentials *credentials = data;
    g_free(credentials->access_key);
    g_free(credentials->secret_key);
    g_free(credentials->token);
}

Credentials *credentials_new(const char *access_key, const char *secret_key, const char *token,
                             int64_t expires_us)
{
    Credentials *credentials = g_atomic_rc_box_new0(Credentials);
    credentials->access_key = g_strdup(access_key);
    credentials->secret_key = g_strdup(secret_key);
    credentials->token = token != NULL && token[0] != '\0' ? g_strdup(token) : NULL;
    credentials->expires_us = expires_us;
    return credentials;
}

Credentials *credentials_ref(Credentials *credentials)
{
    return g_atomic_rc_box_acquire(credentials);
}

void credentials_unref(Credentials *credentials)
{
    if (credentials != NULL)
        g_atomic_rc_box_release_full(credentials, credentials_clear);
}

CredentialsChain *credentials_chain_new(const char *profile, const char *region,
                                        const char *ca_file)
{
    CredentialsChain *chain = g_new0(CredentialsChain, 1);
    chain->settings.profile = g_strdup(profile);
    chain->settings.region = g_strdup(region);
    chain->settings.ca_file = g_strdup(ca_file);
    g_mutex_init(&chain->mutex);
    return chain;
}

void credentials_chain_free(CredentialsChain *chain)
{
    if (chain == NULL)
        return;
    credentials_unref(chain->current);
    g_free(chain->settings.profile);
    g_free(chain->settings.region);
    g_free(chain->settings.ca_file);
    g_mutex_clear(&chain->mutex);
    g_free(chain);
}

/* ---- the environment ---- */

const char *credentials_variable(const char *name)
{
    const char *value = g_getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool from_environment(const CredentialsSettings *settings, Credentials **found,
                             GError **error)
{
    const char *key = credentials_variable("AWS_ACCESS_KEY_ID");
    const char *secret = credentials_variable("AWS_SECRET_ACCESS_KEY");
    if (settings->profile != NULL || (key == NULL && secret == NULL))
        return true;
    if (key == NULL || secret == NULL) {
        error_set(error, ERROR_CONFIG,
                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set both, or none");
        return false;
    }
    *found = credentials_new(key, secret, credentials_variable("AWS_SESSION_TOKEN"), 0);
    return true;
}

/* ---- all of them ---- */

/* A source that is not configured leaves *found as it is; one that is and fails ends the search:
 * to go on would mean to work under another identity than the one that was meant. */
static Credentials *search(const CredentialsSettings *settings, GError **error)
{
    static bool (*const sources[])(const CredentialsSettings *, Credentials **, GError **) = {
        from_environment, credentials_from_web_identity, credentials_from_files,
        credentials_from_container, credentials_from_instance};
    Credentials *found = NULL;
    for (size_t i = 0; found == NULL && i < G_N_ELEMENTS(sources); i++) {
        if (!sources[i](settings, &found, error))
            return NULL;
    }
    if (found == NULL) {
        error_set(error, ERROR_CONFIG, "there are no credentials for the store");
        error_hint_set(error, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into "
                              "~/.aws/credentials; docs/stores.md has the other ways");
    }
    return found;
}

static bool is_fresh(const Credentials *credentials, int64_t margin_us)
{
    return credentials != NULL &&
           (credentials->expires_us == 0 || credentials->expires_us - margin_us > clock_wall_us());
}

Credentials *credentials_get(CredentialsChain *chain, bool shielded, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&chain->mutex);
    g_autoptr(GError) cause = NULL;
    Credentials *found = NULL;
    (void)locker;
    if (is_fresh(chain->current, RENEW_BEFORE_US))
        return credentials_ref(chain->current);
    chain->settings.shielded = shielded;
    found = search(&chain->settings, &cause);
    if (found == NULL && is_fresh(chain->current, 0)) {
        log_warning("credentials are not renewed yet: %s", cause->message);
        return credentials_ref(chain->current);
    }
    if (found == NULL) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    credentials_unref(chain->current);
    chain->current = found;
    return credentials_ref(found);
}

void credentials_drop(CredentialsChain *chain, const Credentials *refused)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&chain->mutex);
    (void)locker;
    if (chain->current != refused)
        return;
    credentials_unref(chain->current);
    chain->current = NULL;
}
