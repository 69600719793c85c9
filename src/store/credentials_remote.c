/* Credentials that a service gives: STS for a web identity, the endpoint of a container, the
 * metadata service of an instance (IMDSv2). */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "store/credentials_private.h"
#include "store/http.h"
#include "store/xml.h"
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX_BYTES ((size_t)64 * 1024)
#define TRIES 3
#define TRY_AGAIN_MS 500
#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST "http://169.254.169.254"

/* Connection errors and 5xx are tried again: these services are small and near. */
static HttpAnswer *ask(HttpClient *client, const HttpRequest *request, int tries, GError **error)
{
    HttpAnswer *answer = NULL;
    for (int i = 1;; i++) {
        g_autoptr(GError) cause = NULL;
        answer = http_send(client, request, &cause);
        if (answer != NULL && answer->status < 500)
            return answer;
        if (i >= tries || (answer == NULL && !error_may_retry(cause))) {
            if (answer == NULL)
                g_propagate_error(error, g_steal_pointer(&cause));
            return answer;
        }
        http_answer_free(answer);
        (void)clock_sleep_ms(TRY_AGAIN_MS);
    }
}

/* What a file with a token holds, without blanks and line feeds around it. */
static char *read_token(const char *path, const char *what, GError **error)
{
    g_autofree char *text = NULL;
    size_t size = 0;
    if (!file_read(path, TOKEN_MAX_BYTES, &text, &size, error))
        return NULL;
    g_strstrip(text);
    for (const char *at = text; *at != '\0'; at++) {
        if (g_ascii_iscntrl(*at)) {
            error_set(error, ERROR_CONFIG, "%s in '%s' is more than one line", what, path);
            return NULL;
        }
    }
    return g_steal_pointer(&text);
}

/* ---- web identity ---- */

static bool read_sts(const HttpAnswer *answer, Credentials **found)
{
    g_autoptr(Xml) xml = xml_parse(answer->body->data, answer->body->len, NULL);
    const XmlNode *node = xml != NULL ? xml_root(xml) : NULL;
    g_autofree char *key = NULL;
    g_autofree char *secret = NULL;
    g_autofree char *token = NULL;
    g_autofree char *expiration = NULL;
    int64_t expires_us = 0;
    node = node != NULL ? xml_child(node, "AssumeRoleWithWebIdentityResult") : NULL;
    node = node != NULL ? xml_child(node, "Credentials") : NULL;
    if (node == NULL)
        return false;
    key = xml_text(node, "AccessKeyId");
    secret = xml_text(node, "SecretAccessKey");
    token = xml_text(node, "SessionToken");
    expiration = xml_text(node, "Expiration");
    if (key == NULL || secret == NULL || expiration == NULL ||
        !clock_parse_time(expiration, clock_wall_us(), &expires_us, NULL))
        return false;
    *found = credentials_new(key, secret, token, expires_us);
    return true;
}

static char *sts_url(const CredentialsSettings *settings)
{
    const char *chosen = credentials_variable("AWS_ENDPOINT_URL_STS");
    if (chosen == NULL)
        chosen = credentials_variable("AWS_ENDPOINT_URL");
    if (chosen == NULL)
        return g_strdup_printf("https://sts.%s.amazonaws.com/", settings->region);
    return g_str_has_suffix(chosen, "/") ? g_strdup(chosen) : g_strconcat(chosen, "/", NULL);
}

/* In the body: URLs end up in the logs of proxies. */
static char *sts_form(const char *role, const char *session, const char *token)
{
    g_autofree char *role_text = g_uri_escape_string(role, NULL, FALSE);
    g_autofree char *session_text =
        g_uri_escape_string(session != NULL ? session : "drydock", NULL, FALSE);
    g_autofree char *token_text = g_uri_escape_string(token, NULL, FALSE);
    return g_strdup_printf("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=%s&"
                           "RoleSessionName=%s&WebIdentityToken=%s",
                           role_text, session_text, token_text);
}

bool credentials_exchange(const CredentialsSettings *settings, const char *token_file,
                          const char *role, const char *session, Credentials **found,
                          GError **error)
{
    static const char *const headers[] = {"Content-Type", "application/x-www-form-urlencoded",
                                          NULL};
    const HttpSettings http = {.ca_file = settings->ca_file};
    g_autoptr(HttpClient) client = http_client_new(&http);
    g_autofree char *token = read_token(token_file, "the web identity token", error);
    g_autofree char *form = token != NULL ? sts_form(role, session, token) : NULL;
    g_autofree char *url = sts_url(settings);
    const HttpRequest request = {.method = "POST",
                                 .url = url,
                                 .headers = headers,
                                 .body = form,
                                 .body_bytes = form != NULL ? strlen(form) : 0,
                                 .shielded = settings->shielded};
    g_autoptr(HttpAnswer) answer = form != NULL ? ask(client, &request, TRIES, error) : NULL;
    if (answer == NULL) {
        g_prefix_error(error, "while exchanging the web identity for credentials: ");
        return false;
    }
    if (answer->status == 200 && read_sts(answer, found))
        return true;
    error_set(error, ERROR_CONFIG,
              "the web identity was not exchanged for credentials of role '%s': status %d", role,
              answer->status);
    error_hint_set(error, "look at the role's trust policy, and at AWS_WEB_IDENTITY_TOKEN_FILE");
    return false;
}

bool credentials_from_web_identity(const CredentialsSettings *settings, Credentials **found,
                                   GError **error)
{
    const char *token_file = credentials_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *role = credentials_variable("AWS_ROLE_ARN");
    if (settings->profile != NULL || token_file == NULL || role == NULL)
        return true;
    return credentials_exchange(settings, token_file, role,
                                credentials_variable("AWS_ROLE_SESSION_NAME"), found, error);
}

/* ---- containers ---- */

/* Credentials are fetched in the clear from this machine and its own link alone. */
static bool may_be_asked(const char *url)
{
    static const char *const hosts[] = {"localhost",     "127.0.0.1",      "::1",
                                        "169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    if (uri == NULL || g_uri_get_host(uri) == NULL)
        return false;
    if (strcmp(g_uri_get_scheme(uri), "https") == 0)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        if (strcmp(g_uri_get_host(uri), hosts[i]) == 0)
            return strcmp(g_uri_get_scheme(uri), "http") == 0;
    }
    return false;
}

/* The value of the header Authorization, "" for none. */
static char *container_token(GError **error)
{
    const char *file = credentials_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = credentials_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (file != NULL)
        return read_token(file, "the token for the container's credentials", error);
    return g_strdup(token != NULL ? token : "");
}

static bool ask_container(const char *url, const CredentialsSettings *settings, Credentials **found,
                          GError **error)
{
    static const char *const what = "the container's endpoint for credentials";
    const HttpSettings http = {.direct = true, .connect_ms = 2000, .stall_ms = 5000};
    g_autoptr(HttpClient) client = http_client_new(&http);
    g_autofree char *token = container_token(error);
    const char *headers[] = {"Accept", "application/json", NULL, token, NULL};
    HttpRequest request = {
        .method = "GET", .url = url, .headers = headers, .shielded = settings->shielded};
    g_autoptr(HttpAnswer) answer = NULL;
    if (token == NULL)
        return false;
    if (token[0] != '\0')
        headers[2] = "Authorization";
    answer = ask(client, &request, TRIES, error);
    if (answer == NULL) {
        g_prefix_error(error, "while asking %s: ", what);
        return false;
    }
    if (answer->status != 200) {
        error_set(error, ERROR_CONFIG, "%s answered with status %d", what, answer->status);
        return false;
    }
    return credentials_parse((const char *)answer->body->data, answer->body->len, "Token", what,
                             found, error);
}

bool credentials_from_container(const CredentialsSettings *settings, Credentials **found,
                                GError **error)
{
    const char *relative = credentials_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = credentials_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    g_autofree char *url =
        relative != NULL ? g_strconcat(CONTAINER_HOST, relative, NULL) : g_strdup(full);
    if (settings->profile != NULL || url == NULL)
        return true;
    if (!may_be_asked(url)) {
        error_set(error, ERROR_CONFIG,
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor "
                  "an address of this machine or of its container service");
        return false;
    }
    return ask_container(url, settings, found, error);
}

/* ---- instances ---- */

typedef struct {
    HttpClient *client;
    const char *host;
    bool shielded;
} Instance;

static HttpAnswer *ask_instance(const Instance *instance, const char *method, const char *path,
                                const char *header, const char *value, int tries)
{
    const char *const headers[] = {header, value, NULL};
    g_autofree char *url = g_strconcat(instance->host, path, NULL);
    const HttpRequest request = {
        .method = method, .url = url, .headers = headers, .shielded = instance->shielded};
    HttpAnswer *answer = ask(instance->client, &request, tries, NULL);
    if (answer != NULL && answer->status == 200)
        return answer;
    http_answer_free(answer);
    return NULL;
}

static char *answer_text(const HttpAnswer *answer)
{
    return answer != NULL
               ? g_strstrip(g_strndup((const char *)answer->body->data, answer->body->len))
               : NULL;
}

/* A token that another site's page or a proxy could not have got, then the role, then its
 * credentials. */
static bool ask_for_role(const Instance *instance, Credentials **found, GError **error)
{
    static const char folder[] = "/latest/meta-data/iam/security-credentials/";
    static const char token_header[] = "X-aws-ec2-metadata-token";
    g_autoptr(HttpAnswer) token_answer = ask_instance(
        instance, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600", 1);
    g_autofree char *token = answer_text(token_answer);
    g_autoptr(HttpAnswer) role_answer =
        token != NULL ? ask_instance(instance, "GET", folder, token_header, token, TRIES) : NULL;
    g_autofree char *role = answer_text(role_answer);
    g_autofree char *escaped = NULL;
    g_autofree char *path = NULL;
    g_autoptr(HttpAnswer) answer = NULL;
    if (role == NULL || role[0] == '\0') /* no such service, or no role: not configured */
        return true;
    g_strdelimit(role, "\r\n", '\0');
    escaped = g_uri_escape_string(role, NULL, FALSE);
    path = g_strconcat(folder, escaped, NULL);
    answer = ask_instance(instance, "GET", path, token_header, token, TRIES);
    if (answer == NULL) {
        error_set(error, ERROR_CONNECTION,
                  "the instance's metadata service gives no credentials for its role '%s'", role);
        return false;
    }
    return credentials_parse((const char *)answer->body->data, answer->body->len, "Token",
                             "the instance's metadata service", found, error);
}

bool credentials_from_instance(const CredentialsSettings *settings, Credentials **found,
                               GError **error)
{
    const HttpSettings http = {.direct = true, .connect_ms = 1000, .stall_ms = 2000};
    const char *disabled = credentials_variable("AWS_EC2_METADATA_DISABLED");
    const char *host = credentials_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    g_autofree char *base = g_strdup(host != NULL ? host : INSTANCE_HOST);
    g_autoptr(HttpClient) client = NULL;
    Instance instance = {.host = base, .shielded = settings->shielded};
    if (settings->profile != NULL ||
        (disabled != NULL && g_ascii_strcasecmp(disabled, "true") == 0))
        return true;
    while (g_str_has_suffix(base, "/"))
        base[strlen(base) - 1] = '\0';
    client = http_client_new(&http);
    instance.client = client;
    return ask_for_role(&instance, found, error);
}
