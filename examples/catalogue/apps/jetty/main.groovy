// Answers with Jetty; Groovy needs no compiler in the image.
import groovy.json.JsonOutput
import javax.servlet.http.HttpServletRequest
import javax.servlet.http.HttpServletResponse
import org.eclipse.jetty.server.Request
import org.eclipse.jetty.server.Server
import org.eclipse.jetty.server.handler.AbstractHandler

class Answers extends AbstractHandler {
    void handle(
        String target, Request base, HttpServletRequest request, HttpServletResponse response
    ) {
        def bodies = [
            '/': [framework: 'jetty', version: Server.version, language: 'java'],
            '/healthz': 'ok',
        ]
        if (target in bodies) {
            base.handled = true // without it, Jetty answers 404
            response.contentType = 'application/json'
            response.writer.print(JsonOutput.toJson(bodies[target]))
        }
    }
}

def server = new Server((System.getenv('PORT') ?: '8080').toInteger())
server.handler = new Answers()
server.stopAtShutdown = true
server.start()
server.join()
