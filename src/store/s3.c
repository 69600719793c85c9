/* s3://: the backend. */
#include "store/s3.h"

#include "base/error.h"
#include <string.h>

static bool s3_check_url(const char *url, GError **error)
{
    g_autoptr(S3Config) config = s3_config_parse(url, error);
    return config != NULL;
}

static gpointer s3_open(const char *url, GError **error)
{
    g_autoptr(S3Config) config = s3_config_parse(url, error);
    HttpSettings settings = {0};
    S3 *s3 = NULL;
    if (config == NULL || !s3_config_complete(config, error))
        return NULL;
    settings.ca_file = config->ca_file;
    settings.stall_ms = config->timeout_ms;
    s3 = g_new0(S3, 1);
    s3->http = http_client_new(&settings);
    s3->credentials = credentials_chain_new(config->profile, config->region, config->ca_file);
    s3->region = g_strdup(config->region);
    s3->config = g_steal_pointer(&config);
    g_mutex_init(&s3->mutex);
    return s3;
}

static void s3_close(gpointer state)
{
    S3 *s3 = state;
    http_client_free(s3->http);
    credentials_chain_free(s3->credentials);
    s3_config_free(s3->config);
    g_free(s3->region);
    g_mutex_clear(&s3->mutex);
    g_free(s3);
}

static void s3_set_latest(gpointer state, int64_t latest_us)
{
    S3 *s3 = state;
    g_mutex_lock(&s3->mutex);
    s3->latest_us = latest_us;
    g_mutex_unlock(&s3->mutex);
}

static bool s3_reach(gpointer state, GError **error)
{
    S3 *s3 = state;
    const char *const query[] = {"list-type",        "2", "max-keys", "1", "prefix",
                                 s3->config->prefix, NULL};
    const S3Request request = {.method = "GET", .query = query};
    g_autofree char *what = g_strdup_printf("use the store s3://%s", s3->config->bucket);
    g_autoptr(S3Answer) answer = s3_ask(s3, &request, what, error);
    return answer != NULL;
}

static char *s3_locate(gpointer state, const char *key)
{
    const S3 *s3 = state;
    g_autofree char *full = s3_full_key(s3, key);
    return s3_place(s3, full);
}

const StoreBackend store_s3_backend = {
    .scheme = "s3",
    .check_url = s3_check_url,
    .open = s3_open,
    .close = s3_close,
    .set_latest = s3_set_latest,
    .reach = s3_reach,
    .put = s3_put,
    .get = s3_get,
    .head = s3_head_object,
    .list = s3_list,
    .delete = s3_delete,
    .take_back = s3_take_back,
    .set_retention = s3_set_retention,
    .sweep = s3_sweep,
    .locate = s3_locate,
};
