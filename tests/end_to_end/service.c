/* The web service of the rollout tests: says its version, and misbehaves as its environment says.
 *
 * GET /healthz            well, or 503 with NEVER_WELL
 * GET /NUMBER             "VERSION NUMBER HOST"; 500 with BROKEN
 * GET /NUMBER?wait=MS     the same, but later
 *
 * One thread, epoll, connections that are kept. It is built static: its image holds nothing else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 4096, ROOM = 4096 };

struct connection {
    int used, length;
    double due; /* when the answer that waits is to be sent; 0 for none */
    char input[ROOM], waiting[512];
    int waiting_length, closes;
};

static struct connection connections[MOST];
static int pending;
static const char *version;
static char host[64];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void finish(int number) {
    if (connections[number].due) pending--;
    connections[number].used = 0;
    connections[number].due = 0;
    close(number);
}

static void flush_answer(int number) {
    struct connection *connection = &connections[number];
    ssize_t sent = send(number, connection->waiting, connection->waiting_length, MSG_NOSIGNAL);
    if (sent != connection->waiting_length || connection->closes) finish(number);
}

/* Answer the request in the first `size` bytes of the input. */
static void answer(int number, int size) {
    struct connection *connection = &connections[number];
    char *input = connection->input, body[160];
    const char *status = "200 OK";
    char path[64] = "";
    input[size - 1] = 0;
    sscanf(input, "GET /%63[^ \r]", path);
    char *wait = strstr(path, "?wait=");
    int milliseconds = wait ? atoi(wait + 6) : 0;
    if (wait) *wait = 0;
    if (!strcmp(path, "healthz")) {
        if (getenv("NEVER_WELL")) status = "503 Service Unavailable";
    } else if (getenv("BROKEN")) {
        status = "500 Internal Server Error";
    }
    connection->closes = strcasestr(input, "\nconnection: close") != NULL;
    snprintf(body, sizeof body, "%s %s %s", version, path, host);
    connection->waiting_length = snprintf(
        connection->waiting, sizeof connection->waiting,
        "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n%s\r\n%s", status,
        strlen(body), connection->closes ? "Connection: close\r\n" : "", body);
    if (milliseconds) {
        connection->due = now() + milliseconds / 1e3;
        pending++;
    } else {
        flush_answer(number);
    }
}

static void read_some(int number) {
    struct connection *connection = &connections[number];
    ssize_t got = recv(number, connection->input + connection->length,
                       ROOM - 1 - connection->length, 0);
    if (got <= 0) {
        finish(number);
        return;
    }
    connection->length += got;
    connection->input[connection->length] = 0;
    char *end = strstr(connection->input, "\r\n\r\n");
    if (!end) return;
    int size = end + 4 - connection->input;
    connection->length = 0; /* nobody sends a second request before the first is answered */
    answer(number, size);
}

static void answer_those_due(void) {
    double moment = now();
    for (int number = 0; number < MOST && pending; number++) {
        struct connection *connection = &connections[number];
        if (!connection->used || !connection->due || connection->due > moment) continue;
        connection->due = 0;
        pending--;
        flush_answer(number);
    }
}

static void end(int signal_number) {
    (void)signal_number;
    _exit(0);
}

int main(void) {
    version = getenv("VERSION") ? getenv("VERSION") : "none";
    gethostname(host, sizeof host - 1);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        perror("cannot listen");
        return 1;
    }
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    puts("the service is ready");
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(poll, events, 256, pending ? 2 : -1);
        for (int index = 0; index < count; index++) {
            int number = events[index].data.fd;
            if (number != listener) {
                read_some(number);
                continue;
            }
            int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (client < 0) continue;
            if (client >= MOST) {
                close(client);
                continue;
            }
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            memset(&connections[client], 0, sizeof connections[client]);
            connections[client].used = 1;
            event.data.fd = client;
            epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
        }
        answer_those_due();
    }
}
