#include "store/http.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/text.h"
#include <curl/curl.h>
#include <string.h>

#define ANSWER_MAX_BYTES ((size_t)1024 * 1024)
#define HEADERS_MAX 200
#define SEND_BUFFER_BYTES (512L * 1024)
#define CONNECT_MS 10000
#define STALL_MS 30000
#define RETRY_AFTER_MAX_S 3600

struct HttpClient {
    char *ca_file;
    int64_t connect_ms, stall_ms;
    bool direct;
    GMutex mutex;
    GPtrArray *idle; /* handles, each with its connection */
};

typedef struct {
    const HttpRequest *request;
    HttpAnswer *answer;
    size_t max_bytes;
    bool too_long;
    bool headers_end; /* seen: libcurl takes a connection that ends within them for their end */
} Exchange;

HttpClient *http_client_new(const HttpSettings *settings)
{
    static gsize initialised;
    HttpClient *client = g_new0(HttpClient, 1);
    if (g_once_init_enter(&initialised)) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
            g_error("libcurl cannot be used");
        g_once_init_leave(&initialised, 1);
    }
    client->ca_file = g_strdup(settings->ca_file);
    client->connect_ms = settings->connect_ms != 0 ? settings->connect_ms : CONNECT_MS;
    client->stall_ms = settings->stall_ms != 0 ? settings->stall_ms : STALL_MS;
    client->direct = settings->direct;
    client->idle = g_ptr_array_new_with_free_func((GDestroyNotify)curl_easy_cleanup);
    g_mutex_init(&client->mutex);
    return client;
}

void http_client_free(HttpClient *client)
{
    if (client == NULL)
        return;
    g_ptr_array_unref(client->idle);
    g_mutex_clear(&client->mutex);
    g_free(client->ca_file);
    g_free(client);
}

static CURL *take_handle(HttpClient *client)
{
    CURL *curl = NULL;
    g_mutex_lock(&client->mutex);
    if (client->idle->len > 0)
        curl = g_ptr_array_steal_index_fast(client->idle, client->idle->len - 1);
    g_mutex_unlock(&client->mutex);
    if (curl == NULL)
        curl = curl_easy_init();
    if (curl == NULL)
        g_error("libcurl has no handle");
    return curl;
}

static void give_handle(HttpClient *client, CURL *curl)
{
    curl_easy_reset(curl); /* connections stay */
    g_mutex_lock(&client->mutex);
    g_ptr_array_add(client->idle, curl);
    g_mutex_unlock(&client->mutex);
}

void http_answer_free(HttpAnswer *answer)
{
    if (answer == NULL)
        return;
    g_hash_table_unref(answer->headers);
    g_byte_array_unref(answer->body);
    g_free(answer);
}

const char *http_header(const HttpAnswer *answer, const char *name)
{
    return g_hash_table_lookup(answer->headers, name);
}

/* Every status line begins anew: 100 Continue comes before the answer. */
static size_t receive_header(char *data, size_t size, size_t count, void *user)
{
    Exchange *exchange = user;
    HttpAnswer *answer = exchange->answer;
    g_autofree char *line = g_strndup(data, size * count);
    char *colon = strchr(line, ':');
    exchange->headers_end = line[0] == '\r' || line[0] == '\n';
    if (g_str_has_prefix(line, "HTTP/")) {
        g_hash_table_remove_all(answer->headers);
    } else if (colon != NULL && g_hash_table_size(answer->headers) < HEADERS_MAX) {
        *colon = '\0';
        g_hash_table_replace(answer->headers, g_ascii_strdown(line, -1),
                             g_strdup(g_strstrip(colon + 1)));
    }
    return size * count;
}

static size_t receive_body(char *data, size_t size, size_t count, void *user)
{
    Exchange *exchange = user;
    if (exchange->answer->body->len + size * count > exchange->max_bytes) {
        exchange->too_long = true;
        return 0;
    }
    g_byte_array_append(exchange->answer->body, (const guint8 *)data, (guint)(size * count));
    return size * count;
}

static bool must_end(const HttpRequest *request)
{
    return (request->cancel != NULL && g_atomic_int_get(request->cancel) != 0) ||
           (!request->shielded && interrupt_pending() != 0) ||
           (request->latest_us != 0 && clock_monotonic_us() > request->latest_us);
}

static int look_around(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return must_end(user);
}

/* Without a value of its own, libcurl would add a content type. */
static struct curl_slist *list_headers(const HttpRequest *request)
{
    struct curl_slist *list = NULL;
    bool typed = false;
    for (const char *const *at = request->headers; at != NULL && *at != NULL; at += 2) {
        g_autofree char *line = at[1][0] != '\0' ? g_strdup_printf("%s: %s", at[0], at[1])
                                                 : g_strdup_printf("%s;", at[0]);
        list = curl_slist_append(list, line);
        typed = typed || g_ascii_strcasecmp(at[0], "content-type") == 0;
    }
    return typed ? list : curl_slist_append(list, "Content-Type:");
}

static void set_body(CURL *curl, const HttpRequest *request)
{
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->body != NULL || strcmp(request->method, "PUT") == 0 ||
        strcmp(request->method, "POST") == 0) {
        /* From memory: libcurl can send it again when a kept connection turns out to be dead. */
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_limits(CURL *curl, const HttpClient *client, const HttpRequest *request)
{
    const int64_t stall_ms = request->stall_ms != 0 ? request->stall_ms : client->stall_ms;
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)MAX(stall_ms / 1000, 1));
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_around);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request);
}

static void set_transport(CURL *curl, const HttpClient *client)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER_BYTES);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, SEND_BUFFER_BYTES);
    if (client->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    if (client->direct)
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static void set_error(const HttpRequest *request, const Exchange *exchange, CURLcode code,
                      const char *words, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(request->url, G_URI_FLAGS_NONE, NULL);
    const char *host = uri != NULL ? g_uri_get_host(uri) : "?";
    g_autofree char *why = text_printable(words[0] != '\0' ? words : curl_easy_strerror(code));
    const bool late = request->latest_us != 0 && clock_monotonic_us() > request->latest_us;
    if (exchange->too_long) {
        error_set(error, ERROR_IO, "the answer of '%s' is longer than it can be", host);
    } else if (code == CURLE_ABORTED_BY_CALLBACK && late) {
        error_set(error, ERROR_TIMEOUT, "'%s' has not answered in time", host);
    } else if (code == CURLE_ABORTED_BY_CALLBACK &&
               (request->shielded || !interrupt_check(error))) {
        error_set(error, ERROR_INTERRUPTED, "the request to '%s' was given up", host);
    } else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
               code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        error_set(error, ERROR_CONFIG, "cannot talk to '%s': %s", host, why);
        if (code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL)
            error_hint_set(
                error, "name the certificates to trust by AWS_CA_BUNDLE or ca= in the URL, and the "
                       "endpoint as its certificate does");
    } else if (code != CURLE_ABORTED_BY_CALLBACK) {
        error_set(error, ERROR_CONNECTION, "cannot talk to '%s': %s", host, why);
    }
}

static HttpAnswer *answer_new(void)
{
    HttpAnswer *answer = g_new0(HttpAnswer, 1);
    answer->headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    answer->body = g_byte_array_new();
    answer->retry_after_ms = -1;
    return answer;
}

static void read_status(CURL *curl, HttpAnswer *answer)
{
    long status = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    if (http_header(answer, "retry-after") != NULL &&
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK)
        answer->retry_after_ms = (int64_t)CLAMP(retry_after_s, 0, RETRY_AFTER_MAX_S) * 1000;
}

static CURLcode perform(HttpClient *client, CURL *curl, Exchange *exchange, char *words)
{
    struct curl_slist *headers = list_headers(exchange->request);
    CURLcode code;
    set_transport(curl, client);
    set_limits(curl, client, exchange->request);
    set_body(curl, exchange->request);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, exchange->request->once ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_URL, exchange->request->url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        read_status(curl, exchange->answer);
    curl_slist_free_all(headers);
    return code;
}

HttpAnswer *http_send(HttpClient *client, const HttpRequest *request, GError **error)
{
    g_autoptr(HttpAnswer) answer = answer_new();
    Exchange exchange = {.request = request,
                         .answer = answer,
                         .max_bytes = request->answer_max_bytes != 0 ? request->answer_max_bytes
                                                                     : ANSWER_MAX_BYTES};
    char words[CURL_ERROR_SIZE] = "";
    CURL *curl = take_handle(client);
    const CURLcode code = perform(client, curl, &exchange, words);
    if (code == CURLE_OK && exchange.headers_end) {
        give_handle(client, curl);
        return g_steal_pointer(&answer);
    }
    curl_easy_cleanup(curl); /* with its connection, whatever state that is in */
    set_error(request, &exchange, code != CURLE_OK ? code : CURLE_PARTIAL_FILE, words, error);
    return NULL;
}
